import { browsePanel } from './browse/panel.js';
import type { Connection } from './connect/view.js';
import type { DemoSite } from './demo-site.js';
import { el } from './dom.js';
import { fetchPanel } from './fetch/panel.js';
import { lookPanel, type LookOptions } from './look/panel.js';
import { eventsPanel } from './messages/events-panel.js';
import { webSocketPanel } from './messages/web-socket-panel.js';
import { makeTabs } from './tabs.js';
import { tcpPanel } from './tcp/panel.js';

/** What the panels work with. */
export interface Surroundings {
  readonly connection: Connection;
  /** Whether the service is the demo's own, whose paths are known. */
  readonly demoUpstream: boolean;
  /** Ends all that a panel started. */
  readonly signal: AbortSignal;
}

/** The second view: five ways to use the tunnel, and a look at it. */
export function workspace(
  connection: Connection,
  site: DemoSite | undefined,
  options: LookOptions,
): HTMLElement {
  const demoUpstream = connection.request.kind === 'localnet' && site?.demoUpstream === true;
  const around: Surroundings = { connection, demoUpstream, signal: options.signal };
  const tabs = makeTabs('Ways to use the tunnel', [
    { id: 'browse', label: 'Browse', panel: browsePanel(around) },
    { id: 'fetch', label: 'Fetch', panel: fetchPanel(around) },
    { id: 'tcp', label: 'TCP', panel: tcpPanel(around) },
    { id: 'websocket', label: 'WebSocket', panel: webSocketPanel(around) },
    { id: 'events', label: 'Events', panel: eventsPanel(around) },
  ]);
  return el(
    'div',
    { class: 'workspace' },
    el('h1', { class: 'visually-hidden' }, 'The tunnel'),
    tabs,
    lookPanel(connection, site, options),
  );
}
