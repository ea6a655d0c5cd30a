import { el, setText } from '../dom.js';
import { failureText } from '../failure-text.js';

export interface Remedy {
  readonly label: string;
  readonly act: () => void;
}

/** A box that says calmly what did not work and what can be done. */
export interface FailureBox {
  readonly element: HTMLElement;
  show(title: string, message: string, remedies: readonly Remedy[]): void;
  hide(): void;
}

/** Makes the box, hidden. */
export function failureBox(): FailureBox {
  const title = el('p', { class: 'title' });
  const message = el('div', { class: 'message' });
  const actions = el('div', { class: 'actions' });
  const box = el('div', { class: 'failure' }, title, message, actions);
  // Screen readers hear what comes into a region of that role, which must be there before.
  const element = el('div', { role: 'alert' }, box);
  box.hidden = true;
  return {
    element,
    show(heading, text, remedies) {
      setText(title, heading);
      message.replaceChildren(failureText(text));
      actions.replaceChildren(
        ...remedies.map(({ label, act }, index) => {
          const made = el('button', { type: 'button', class: index === 0 ? 'primary' : 'plain' }, label);
          made.addEventListener('click', act);
          return made;
        }),
      );
      actions.hidden = remedies.length === 0;
      box.hidden = false;
    },
    hide() {
      box.hidden = true;
    },
  };
}
