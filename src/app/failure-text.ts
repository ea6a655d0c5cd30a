import { el } from './dom.js';

/** Our errors end with the official client's own words, which help few. */
const SAID = /^(.*?)\s*\(The official client says: (.*)\)\.?$/s;

/** An error's message; what the official client said is folded. */
export function failureText(message: string): HTMLElement {
  const [, ours, said] = SAID.exec(message) ?? [];
  if (ours === undefined || said === undefined) return el('p', {}, message);
  return el(
    'div',
    {},
    el('p', {}, ours),
    el('details', {}, el('summary', {}, 'What the official client says'), el('p', {}, said)),
  );
}
