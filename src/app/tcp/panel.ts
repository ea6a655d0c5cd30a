import { button, el, field, uniqueId } from '../dom.js';
import { messageOf } from '../format.js';
import type { Surroundings } from '../workspace.js';
import { openTcp, type TcpConnection } from './connection.js';
import { makeTranscript } from './transcript.js';

const EXAMPLES: readonly { readonly label: string; readonly text: string }[] = [
  { label: 'A line to echo', text: 'Hello through the mixnet\n' },
  { label: 'GET / by hand', text: 'GET / HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n' },
  { label: 'Redis PING', text: 'PING\r\n' },
];

/** A terminal on a TCP connection of the service. */
export function tcpPanel({ connection, demoUpstream, signal }: Surroundings): HTMLElement {
  const transcript = makeTranscript('What was sent and received');
  let open: TcpConnection | undefined;
  let sending = false;

  const connect = button('Open', () => start(), 'primary');
  const end = button('End my side', () => endSide());
  const close = button('Close', () => open?.close());
  const clear = button('Clear', () => transcript.clear());
  const hex = el('input', { type: 'checkbox', id: uniqueId('hex') });
  hex.addEventListener('change', () => (transcript.hex = hex.checked));
  const line = el('input', {
    type: 'text',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    class: 'mono',
  });
  const ending = el(
    'select',
    {},
    el('option', { value: '\n' }, '\\n'),
    el('option', { value: '\r\n' }, '\\r\\n'),
    el('option', { value: '' }, 'nothing'),
  );
  const send = el('button', { type: 'submit', class: 'plain' }, 'Send');
  const typing = el('form', { class: 'typing' }, field('Line', line), field('ends with', ending), send);
  typing.addEventListener('submit', (event) => {
    event.preventDefault();
    sendText(line.value + ending.value);
    line.value = '';
  });

  function start(): TcpConnection {
    const number = performance.now();
    transcript.note('Opening a connection…');
    const made = openTcp(connection.client, signal, {
      opened: () => transcript.note(`Open after ${Math.round(performance.now() - number)} ms.`),
      received: (content) => transcript.add('received', content),
      ended: () => transcript.note('The service has ended its side.'),
      closed(error) {
        transcript.note(error === undefined ? 'Closed.' : `Reset: ${error}.`.replace(/\.+$/, '.'));
        if (open !== made) return;
        open = undefined;
        show();
      },
    });
    open = made;
    sending = true;
    show();
    return made;
  }

  function sendText(text: string) {
    const content = new TextEncoder().encode(text);
    const to = open ?? start();
    if (!sending || content.length === 0) return;
    transcript.add('sent', content);
    to.send(content).catch((error: unknown) => transcript.note(`Not sent: ${messageOf(error)}.`));
  }

  function endSide() {
    open?.end();
    sending = false;
    transcript.note('You have ended your side.');
    show();
  }

  function show() {
    connect.disabled = open !== undefined;
    close.disabled = open === undefined;
    end.disabled = open === undefined || !sending;
    send.disabled = open !== undefined && !sending;
  }

  show();
  const examples = EXAMPLES.map(({ label, text }) => button(label, () => sendText(text), 'chip'));
  return el(
    'div',
    { class: 'card tcp' },
    el('div', { class: 'actions' }, connect, end, close),
    transcript.element,
    typing,
    el(
      'div',
      { class: 'actions below' },
      el('span', { class: 'examples', role: 'group', 'aria-label': 'Examples' }, ...examples),
      el('span', { class: 'option inline' }, hex, el('label', { for: hex.id }, 'Show as hex')),
      clear,
    ),
    el('p', { class: 'hint' }, demoUpstream ? DEMO_HINT : ANY_HINT),
  );
}

const DEMO_HINT = 'The demo’s service answers HTTP, and echoes every line of anything else.';
const ANY_HINT = 'Every connection reaches the TCP service behind the server.';
