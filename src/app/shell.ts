import type { TunnelState } from '../browser/index.js';
import { sentence } from './connect/trouble.js';
import { button, el, setText } from './dom.js';
import { failureText } from './failure-text.js';

/** What stays on the page: the name, how the connection is, and the way out of it. */
export interface Shell {
  readonly main: HTMLElement;
  /** Shows how the connection is, or that there is none, or none yet. */
  show(state: TunnelState | 'none' | 'starting'): void;
  /** Says that the server has not answered for so long; 0 for all is well. */
  silence(seconds: number): void;
}

/** The other page of the demo, and its name. */
export interface OtherPage {
  readonly href: string;
  readonly label: string;
}

/** Puts the header into the page. */
export function makeShell(onDisconnect: () => void, other: OtherPage): Shell {
  const status = el('span', { role: 'status' });
  const seconds = el('span', { 'aria-hidden': 'true' });
  const line = el('p', { class: 'state' }, el('span', { class: 'dot' }), el('span', {}, status, seconds));
  const leave = button('Disconnect', onDisconnect);
  const icon = el('img', { src: '/icon.svg', alt: '', width: 28, height: 28 });
  const main = el('main');
  const notice = makeNotice();
  const link = el('nav', { 'aria-label': 'Pages' }, el('a', { href: other.href }, other.label));
  const brand = el('p', { class: 'brand' }, icon, 'nym-tcp-proxy');
  const header = el('header', {}, brand, link, line, leave);
  document.body.replaceChildren(header, main, notice.element);

  let state: TunnelState | 'none' | 'starting' = 'none';
  let silent = 0;
  let retryAt: number | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  function render() {
    leave.classList.toggle('absent', typeof state === 'string');
    if (typeof state === 'string' || (state.state === 'ready' && silent === 0)) notice.hide();
    if (state === 'none') describe('off', 'Not connected');
    else if (state === 'starting') describe('waiting', 'Connecting');
    else if (state.state === 'waiting') {
      const left = retryAt === undefined ? undefined : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      describe('waiting', 'Reconnecting', left === undefined ? '' : ` in ${left} s`);
      notice.show('The connection to the mixnet is gone', sentence(state.reason));
    } else if (silent > 0) {
      describe('quiet', 'No answer from the server', ` for ${silent} s`);
      notice.show('The server does not answer', SILENT);
    } else {
      describe('ready', state.role === 'holder' ? 'Connected' : 'Connected through another tab');
    }
  }

  function describe(kind: string, words: string, ticking = '') {
    line.dataset['kind'] = kind;
    setText(status, words);
    setText(seconds, ticking);
  }

  function show(next: TunnelState | 'none' | 'starting') {
    state = next;
    clearInterval(timer);
    retryAt = undefined;
    if (typeof next !== 'string' && next.state === 'waiting' && next.retryMs !== undefined) {
      retryAt = Date.now() + next.retryMs;
      timer = setInterval(render, 500);
    }
    render();
  }

  show('none');
  return {
    main,
    show,
    silence(count) {
      if (silent === count) return;
      silent = count;
      render();
    },
  };
}

const SILENT =
  'What you sent waits for it, up to two minutes. Is the server running, and is this the address it printed?';

/** A box over the page, so that nothing moves when it comes or goes. */
function makeNotice() {
  const title = el('p', { class: 'title' });
  const message = el('div', { class: 'message' });
  let shown = '';
  let hiddenTitle: string | undefined;
  const hide = button('Hide', () => {
    hiddenTitle = title.textContent;
    element.hidden = true;
  });
  const element = el(
    'section',
    { class: 'notice', 'aria-label': 'About the connection' },
    el('div', {}, title, message),
    hide,
  );
  element.hidden = true;
  return {
    element,
    show(heading: string, text: string) {
      setText(title, heading);
      // Unfolded stays unfolded.
      if (text !== shown) message.replaceChildren(failureText(text));
      shown = text;
      // Who has hidden it has read it.
      element.hidden = hiddenTitle === heading;
    },
    hide() {
      hiddenTitle = undefined;
      element.hidden = true;
    },
  };
}
