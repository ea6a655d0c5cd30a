/**
 * The demo page: a form to connect, then the tunnel to use and to look at.
 *
 * @module
 */
import { connectView, type Connection } from './connect/view.js';
import { readDemoSite, type DemoSite } from './demo-site.js';
import { makeShell, type Shell } from './shell.js';
import { loadSettings } from './settings.js';
import { workspace } from './workspace.js';

/** Set while this tab is connected, so that a reload connects again without being asked. */
const CONNECTED = 'connected';

async function run(): Promise<void> {
  let leave: (() => void) | undefined;
  const shell = makeShell(
    () => {
      sessionStorage.removeItem(CONNECTED);
      leave?.();
    },
    { href: './streams.html', label: 'Streams: tab to tab' },
  );
  let [site, settings] = await Promise.all([readDemoSite(), loadSettings()]);

  const showForm = () => {
    const view = connectView(site, settings, {
      connected(connection, newSettings) {
        settings = newSettings;
        sessionStorage.setItem(CONNECTED, '1');
        leave = showTunnel(shell, connection, site, () => void disconnected());
      },
      starting: (on) => shell.show(on ? 'starting' : 'none'),
      forgotten: () => location.reload(),
    });
    shell.show('none');
    shell.main.replaceChildren(view.element);
    return view;
  };

  const disconnected = async () => {
    // A localnet may have been started anew since.
    site = await readDemoSite();
    showForm().focus();
  };

  const view = showForm();
  if (sessionStorage.getItem(CONNECTED) !== null) await view.connect();
}

/** @returns how to leave. */
function showTunnel(
  shell: Shell,
  connection: Connection,
  site: DemoSite | undefined,
  onLeft: () => void,
): () => void {
  const life = new AbortController();
  const { client } = connection;
  const stopStates = client.on('state', (state) => shell.show(state));
  const view = workspace(connection, site, {
    signal: life.signal,
    onSilence: (seconds) => shell.silence(seconds),
  });
  const wasHere = shell.main.contains(document.activeElement);
  shell.main.replaceChildren(view);
  scrollTo(0, 0);
  if (wasHere) view.querySelector<HTMLElement>('[role=tab]')?.focus();
  // A guest has nothing to start.
  const role = connection.progress.length > 1 ? 'holder' : 'guest';
  shell.show({ state: 'ready', role, nymAddress: client.nymAddress });
  return () => {
    life.abort();
    stopStates();
    shell.silence(0);
    void client.close().then(onLeft);
  };
}

await run();
