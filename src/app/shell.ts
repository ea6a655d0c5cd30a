import type { TunnelState } from '../browser/index.js';
import { el, setText } from './dom.js';

/** What stays on the page: the name, how the connection is, and the way out of it. */
export interface Shell {
  readonly main: HTMLElement;
  /** Shows how the connection is; `undefined` while there is none. */
  show(state: TunnelState | undefined): void;
  /** Says that nobody has answered for so long; 0 for all is well. */
  silence(seconds: number): void;
}

interface Countdown {
  readonly until: number;
  readonly reason: string;
}

/** Puts the header into the page. */
export function makeShell(onDisconnect: () => void): Shell {
  const dot = el('span', { class: 'dot', 'aria-hidden': 'true' });
  const status = el('span', { role: 'status' });
  const seconds = el('span', { 'aria-hidden': 'true' });
  const line = el('p', { class: 'state' }, dot, el('span', { class: 'words' }, status, seconds));
  const leave = el('button', { type: 'button', class: 'plain' }, 'Disconnect');
  leave.addEventListener('click', onDisconnect);
  const main = el('main');
  document.body.replaceChildren(
    el(
      'header',
      {},
      el(
        'p',
        { class: 'brand' },
        el('img', { src: '/icon.svg', alt: '', width: 28, height: 28 }),
        'nym-tcp-proxy',
      ),
      line,
      leave,
    ),
    main,
  );

  let state: TunnelState | undefined;
  let silent = 0;
  let countdown: Countdown | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  function render() {
    const kind =
      state === undefined ? 'off' : state.state === 'ready' ? (silent > 0 ? 'quiet' : 'ready') : 'waiting';
    line.dataset['kind'] = kind;
    leave.hidden = state === undefined;
    setText(status, words(state, silent > 0));
    setText(seconds, '');
    if (silent > 0 && state?.state === 'ready') setText(seconds, ` for ${silent} s`);
    else if (countdown)
      setText(seconds, ` Next try in ${Math.max(0, Math.ceil((countdown.until - Date.now()) / 1000))} s.`);
  }

  function show(next: TunnelState | undefined) {
    state = next;
    clearInterval(timer);
    countdown = undefined;
    if (next?.state === 'waiting' && next.retryMs !== undefined) {
      countdown = { until: Date.now() + next.retryMs, reason: next.reason };
      timer = setInterval(render, 500);
    }
    render();
  }

  show(undefined);
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

function words(state: TunnelState | undefined, silent: boolean): string {
  if (state === undefined) return 'Not connected';
  if (state.state === 'waiting') return `Reconnecting: ${state.reason.replace(/\.$/, '')}.`;
  if (silent) return 'No answer from the server';
  return state.role === 'holder' ? 'Connected' : 'Connected through another tab, which holds the connection';
}
