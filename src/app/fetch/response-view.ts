import { el, setText } from '../dom.js';
import { duration } from '../format.js';
import { sentence } from '../connect/trouble.js';
import { messageOf } from '../format.js';
import { makeBodyView, type BodyView } from './body-view.js';

/** What comes back for a request. */
export interface ResponseView {
  readonly element: HTMLElement;
  /** A new request is on its way. */
  begin(): void;
  /** The head of the answer is there. */
  answered(response: Response, path: string): BodyView;
  finished(bytes: number): void;
  failed(error: unknown): void;
}

/** Sent by the demo's upstream: the body's sha-256 in hex. */
export const HASH_HEADER = 'x-sha256';

/** Makes the view, empty. */
export function makeResponseView(): ResponseView {
  const status = el('p', { class: 'status-line', role: 'status' }, 'Nothing asked so far.');
  const times = el('p', { class: 'facts times' });
  const place = el('div');
  const element = el('section', { class: 'response', 'aria-label': 'Response' }, status, times, place);
  let beganAt = 0;
  let firstAt = 0;

  const since = (from: number) => performance.now() - from;
  return {
    element,
    begin() {
      beganAt = performance.now();
      status.className = 'status-line';
      setText(status, 'Waiting for the answer…');
      setText(times, '');
      place.replaceChildren();
    },
    answered(response, path) {
      firstAt = performance.now();
      status.classList.add(response.ok ? 'good' : 'bad');
      setText(status, `${response.status} ${response.statusText}`.trim());
      setText(times, `First byte after ${duration(since(beganAt))}`);
      const list = el('dl', { class: 'response-headers' });
      for (const [name, value] of response.headers)
        list.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)));
      const body = makeBodyView(response.headers.get('content-type'), fileName(path));
      const headers = el(
        'details',
        { open: matchMedia('(min-width: 68rem)').matches },
        el('summary', {}, `Headers (${list.childElementCount})`),
        list,
      );
      place.replaceChildren(headers, body.element);
      return body;
    },
    finished(total) {
      const seconds = since(firstAt) / 1000;
      const speed = total > 100_000 && seconds > 0 ? ` (${Math.round(total / 1000 / seconds)} kB/s)` : '';
      setText(
        times,
        `First byte after ${duration(firstAt - beganAt)}, all after ${duration(since(beganAt))}${speed}`,
      );
    },
    failed(error) {
      const aborted = error instanceof DOMException && error.name === 'AbortError';
      status.classList.remove('good');
      if (!aborted) status.classList.add('bad');
      setText(status, aborted ? 'Aborted.' : sentence(messageOf(error)));
      setText(times, `after ${duration(since(beganAt))}`);
    },
  };
}

function fileName(path: string): string {
  const [plain = ''] = path.split(/[?#]/, 1);
  return plain.split('/').at(-1) || 'body';
}
