/**
 * Making elements without a framework. Attributes, never markup, so that nothing from the network becomes markup.
 *
 * @module
 */

/** `true` sets an attribute without a value; `false` and `undefined` leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type Child = Node | string;

/** Makes an HTML element. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Makes an SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Sets the text of an element if it is another one, so that screen readers hear changes only. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes a button; `kind` is a class of the style sheet. */
export function button(label: string, onClick: () => void, kind = 'plain'): HTMLButtonElement {
  const made = el('button', { type: 'button', class: kind }, label);
  made.addEventListener('click', onClick);
  return made;
}

let fields = 0;

/** An id that no other element has. */
export function uniqueId(prefix: string): string {
  fields += 1;
  return `${prefix}-${fields}`;
}

/** A control under its label, and a hint that screen readers read with it. */
export function field(label: string, control: HTMLElement, hint?: string): HTMLElement {
  control.id ||= uniqueId('field');
  const whole = el('div', { class: 'field' }, el('label', { for: control.id }, label), control);
  if (hint !== undefined) {
    const text = el('p', { class: 'hint', id: `${control.id}-hint` }, hint);
    control.setAttribute('aria-describedby', text.id);
    whole.append(text);
  }
  return whole;
}

/** A choice of one, as radio buttons with a line of explanation each. */
export interface Choice<T extends string> {
  readonly element: HTMLFieldSetElement;
  value: T;
}

export interface ChoiceOption<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly hint: string;
}

/** Makes a {@link Choice}; the first option is chosen. */
export function choice<T extends string>(
  legend: string,
  options: readonly [ChoiceOption<T>, ...ChoiceOption<T>[]],
  onChange: (value: T) => void = () => undefined,
): Choice<T> {
  const name = uniqueId('choice');
  let chosen = options[0].value;
  const inputs = options.map(({ value }) => {
    const input = el('input', { type: 'radio', name, value, id: `${name}-${value}` });
    input.setAttribute('aria-describedby', `${input.id}-hint`);
    input.addEventListener('change', () => {
      chosen = value;
      onChange(value);
    });
    return input;
  });
  const show = () => {
    for (const input of inputs) input.checked = input.value === chosen;
  };
  const element = el('fieldset', { class: 'choice' }, el('legend', {}, legend));
  options.forEach(({ label, hint }, index) => {
    const input = inputs[index];
    if (!input) return;
    element.append(
      el(
        'div',
        { class: 'option' },
        input,
        el('label', { for: input.id }, label),
        el('p', { class: 'hint', id: `${input.id}-hint` }, hint),
      ),
    );
  });
  show();
  return {
    element,
    get value() {
      return chosen;
    },
    set value(value) {
      chosen = value;
      show();
    },
  };
}
