import { clientIdOf } from '../connect/request.js';
import { failureBox } from '../connect/failure.js';
import { el } from '../dom.js';
import { messageOf } from '../format.js';
import { iconButton, setIcon } from '../icons.js';
import type { Surroundings } from '../workspace.js';
import { FrameHistory } from './frame-history.js';
import { SCOPE, startServiceWorker } from './worker.js';

/** A small browser: an address bar and a frame, whose pages the service worker fetches through the tunnel. */
export function browsePanel({ connection, signal }: Surroundings): HTMLElement {
  const { request } = connection;
  const history = new FrameHistory();
  const frame = el('iframe', { title: 'Page of the service', class: 'frame' });
  const failure = failureBox();
  const address = el('input', {
    type: 'text',
    value: '/',
    'aria-label': 'Path on the service',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    class: 'mono',
  });
  const loading = el('div', { class: 'loading', 'aria-hidden': 'true' });
  const spoken = el('p', { role: 'status', class: 'visually-hidden' });

  const back = iconButton('back', 'Back', () => step(-1));
  const forward = iconButton('forward', 'Forward', () => step(1));
  const reload = iconButton('reload', 'Reload', () => (isLoading ? stop() : go(shownPath() ?? '/')));
  const home = iconButton('home', 'First page', () => go('/'));
  const bar = el(
    'form',
    { class: 'bar', 'aria-label': 'Address' },
    back,
    forward,
    reload,
    home,
    address,
    el('button', { type: 'submit', class: 'plain' }, 'Go'),
  );
  bar.addEventListener('submit', (event) => {
    event.preventDefault();
    go(address.value);
  });

  let isLoading = false;
  function setLoading(on: boolean, outcome = '') {
    isLoading = on;
    loading.classList.toggle('on', on);
    frame.setAttribute('aria-busy', String(on));
    if (on) setIcon(reload, 'stop', 'Stop');
    else setIcon(reload, 'reload', 'Reload');
    spoken.textContent = on ? 'Loading.' : outcome;
  }

  function showSteps() {
    back.disabled = history.at(-1) === undefined;
    forward.disabled = history.at(1) === undefined;
  }

  function go(path: string) {
    const url = new URL(path.replace(/^\/*/, SCOPE), location.href);
    setLoading(true);
    // In place of what is there, so that the browser's own back button still leaves the page.
    frame.contentWindow?.location.replace(url);
  }

  function step(by: -1 | 1) {
    const path = history.step(by);
    if (path !== undefined) go(path);
    showSteps();
  }

  function stop() {
    frame.contentWindow?.stop();
    setLoading(false, 'Stopped.');
  }

  /** `undefined` if the frame shows something else than a page of the service. */
  function shownPath(): string | undefined {
    const { pathname = '', search = '', hash = '' } = locationOf(frame) ?? {};
    return pathname.startsWith(SCOPE) ? `/${pathname.slice(SCOPE.length)}${search}${hash}` : undefined;
  }

  frame.addEventListener('load', () => {
    const where = locationOf(frame);
    if (where?.href === 'about:blank') return;
    const path = shownPath();
    if (path === undefined && where?.origin === location.origin) {
      // A link that starts with a slash leads out of the scope, but means the service.
      go(where.pathname + where.search + where.hash);
      return;
    }
    setLoading(false, `Loaded ${path ?? 'a page of elsewhere'}.`);
    if (path !== undefined) {
      history.visit(path);
      if (document.activeElement !== address) address.value = path;
      frame.contentWindow?.addEventListener('beforeunload', () => setLoading(true));
    }
    showSteps();
  });

  async function begin() {
    failure.hide();
    bar.inert = true;
    try {
      if (!request.keepIdentity) throw new Error(NEEDS_IDENTITY);
      await startServiceWorker(clientIdOf(request.kind));
      if (signal.aborted) return;
      frame.hidden = false;
      bar.inert = false;
      // Who is quick follows a link before all of it has loaded.
      history.visit('/');
      go('/');
    } catch (error) {
      frame.hidden = true;
      const again = request.keepIdentity ? [{ label: 'Try again', act: () => void begin() }] : [];
      failure.show('Browse does not work here', messageOf(error), again);
    }
  }

  showSteps();
  const element = el('div', { class: 'browse card' }, bar, loading, failure.element, frame, spoken);
  // A frame has no window before it is in the page.
  queueMicrotask(() => void begin());
  return element;
}

const NEEDS_IDENTITY =
  'Its service worker finds this page by its identity, and yours is thrown away at the end. Disconnect, and choose to keep it; everything else works without.';

/** A page of another origin does not say where it is. */
function locationOf(frame: HTMLIFrameElement): Location | undefined {
  try {
    const where = frame.contentWindow?.location;
    return where && typeof where.href === 'string' ? where : undefined;
  } catch {
    return undefined;
  }
}
