import { hexDump } from '../bytes-text.js';
import { el, field } from '../dom.js';
import { duration, messageOf } from '../format.js';
import type { Surroundings } from '../workspace.js';
import { makeMessageList } from './message-list.js';

const MAX_SHOWN_BINARY_BYTES = 256;

/** A WebSocket to the service. */
export function webSocketPanel({ connection, signal }: Surroundings): HTMLElement {
  const list = makeMessageList('WebSocket messages');
  const path = el('input', {
    type: 'text',
    value: '/ws',
    required: true,
    class: 'mono',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const connect = el('button', { type: 'submit', class: 'primary' }, 'Connect');
  const top = el('form', { class: 'line', 'aria-label': 'WebSocket' }, field('Path', path), connect);
  const text = el('input', { type: 'text', class: 'mono', autocomplete: 'off', spellcheck: 'false' });
  const send = el('button', { type: 'submit', class: 'plain' }, 'Send');
  const bottom = el(
    'form',
    { class: 'typing', 'aria-label': 'Send a message' },
    field('Message', text),
    send,
  );
  let socket: WebSocket | undefined;

  function open() {
    const startedAt = performance.now();
    try {
      socket = connection.client.webSocket(path.value);
    } catch (error) {
      list.add('note', messageOf(error));
      return;
    }
    const made = socket;
    made.binaryType = 'arraybuffer';
    list.add('note', `Connecting to ${path.value}…`);
    made.addEventListener('open', () => {
      list.add('note', `Open after ${duration(performance.now() - startedAt)}.`);
      show();
    });
    made.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      list.add('received', typeof data === 'string' ? data : binary(data));
    });
    made.addEventListener('close', ({ code, reason, wasClean }) => {
      const why = reason === '' ? '' : `: ${reason}`;
      list.add('note', `Closed with ${code}${why}${wasClean ? '' : ', not cleanly'}.`);
      if (socket === made) socket = undefined;
      show();
    });
  }

  function show() {
    connect.textContent = socket ? 'Close' : 'Connect';
    connect.className = socket ? 'plain' : 'primary';
    path.disabled = socket !== undefined;
    send.disabled = socket?.readyState !== WebSocket.OPEN;
  }

  top.addEventListener('submit', (event) => {
    event.preventDefault();
    if (socket) socket.close(1000);
    else open();
    show();
  });
  bottom.addEventListener('submit', (event) => {
    event.preventDefault();
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(text.value);
    list.add('sent', text.value);
    text.value = '';
  });
  signal.addEventListener('abort', () => socket?.close());

  show();
  return el('div', { class: 'card' }, top, list.element, bottom);
}

function binary(data: ArrayBuffer): string {
  const shown = new Uint8Array(data, 0, Math.min(data.byteLength, MAX_SHOWN_BINARY_BYTES));
  return `${data.byteLength} bytes\n${hexDump(shown)}`;
}
