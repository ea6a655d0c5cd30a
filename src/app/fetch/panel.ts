import { FETCH_EXAMPLES } from '../demo-examples.js';
import { el } from '../dom.js';
import type { Surroundings } from '../workspace.js';
import { requestForm, type RequestDraft } from './request-form.js';
import { HASH_HEADER, makeResponseView } from './response-view.js';

/** Any HTTP request to the service, and its answer as it streams in. */
export function fetchPanel({ connection, demoUpstream, signal }: Surroundings): HTMLElement {
  const view = makeResponseView();
  const form = requestForm(
    demoUpstream ? FETCH_EXAMPLES : [],
    (draft) => void run(draft),
    () => running?.abort(),
  );
  let running: AbortController | undefined;

  async function run({ method, path, headers, body }: RequestDraft) {
    running = new AbortController();
    form.busy = true;
    view.begin();
    try {
      const response = await connection.client.fetch(path, {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        signal: AbortSignal.any([signal, running.signal]),
        ...(body !== '' && { body }),
      });
      const shown = view.answered(response, path);
      let total = 0;
      for await (const chunk of response.body ?? []) {
        shown.add(chunk);
        total += chunk.length;
      }
      shown.finish(method === 'HEAD' ? null : response.headers.get(HASH_HEADER));
      view.finished(total);
    } catch (error) {
      view.failed(error);
    } finally {
      form.busy = false;
    }
  }

  return el('div', { class: 'card fetch' }, form.element, view.element);
}
