import { el, field } from '../dom.js';
import { duration, messageOf } from '../format.js';
import type { Surroundings } from '../workspace.js';
import { EventStreamParser } from './event-stream.js';
import { makeMessageList } from './message-list.js';

/** Server-sent events of the service, read from a response as it streams in. */
export function eventsPanel({ connection, signal }: Surroundings): HTMLElement {
  const list = makeMessageList('Events');
  const path = el('input', {
    type: 'text',
    value: '/events',
    required: true,
    class: 'mono',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const listen = el('button', { type: 'submit', class: 'primary' }, 'Listen');
  const top = el('form', { class: 'line', 'aria-label': 'Events' }, field('Path', path), listen);
  let running: AbortController | undefined;

  async function run() {
    const startedAt = performance.now();
    running = new AbortController();
    show();
    list.add('note', `Asking for ${path.value}…`);
    try {
      const response = await connection.client.fetch(path.value, {
        headers: { accept: 'text/event-stream' },
        signal: AbortSignal.any([signal, running.signal]),
      });
      const type = response.headers.get('content-type') ?? 'nothing';
      if (!response.ok || !type.startsWith('text/event-stream')) {
        await response.body?.cancel();
        throw new Error(`That is no event stream: status ${response.status}, ${type}`);
      }
      list.add('note', `Open after ${duration(performance.now() - startedAt)}.`);
      await readEvents(response);
      list.add('note', 'The service has ended the stream.');
    } catch (error) {
      list.add('note', running.signal.aborted ? 'Stopped.' : `${messageOf(error)}.`.replace(/\.+$/, '.'));
    } finally {
      running = undefined;
      show();
    }
  }

  async function readEvents({ body }: Response) {
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    for await (const chunk of body ?? []) {
      for (const { type, data, id } of parser.push(decoder.decode(chunk, { stream: true }))) {
        const about = [type === 'message' ? '' : type, id === '' ? '' : `#${id}`].join(' ').trim();
        list.add('received', data, about === '' ? undefined : about);
      }
    }
  }

  function show() {
    listen.textContent = running ? 'Stop' : 'Listen';
    listen.className = running ? 'plain' : 'primary';
    path.disabled = running !== undefined;
  }

  top.addEventListener('submit', (event) => {
    event.preventDefault();
    if (running) running.abort();
    else void run();
  });
  show();
  return el('div', { class: 'card' }, top, list.element);
}
