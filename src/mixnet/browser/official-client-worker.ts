/**
 * The Web Worker of one mixnet client: starts the official client and serves its owner.
 *
 * @module
 */
import { startOfficialClient, type ClientOpts } from '../../../wasm/client.js';
import { loadNymWasm } from '../../../wasm/load.js';
import { keepTimersPrompt } from '../client-timers.js';
import { ClientWorker } from '../client-worker.js';
import type { WorkerSettings } from '../options.js';
import type { ToWorker } from '../worker-protocol.js';
import { gatewayWebSocket } from './web-socket.js';

/** What the owner starts this worker with: its first message. */
export interface BrowserWorkerData {
  readonly module: WebAssembly.Module;
  /** For the official client. */
  readonly options: ClientOpts;
  readonly settings: WorkerSettings;
}

// The owner hears of errors only; a panic of the Rust code may be either.
addEventListener('unhandledrejection', ({ reason }) => reportError(reason));

addEventListener(
  'message',
  ({ data }: MessageEvent<BrowserWorkerData>) => {
    const { module, options, settings } = data;
    const worker = new ClientWorker(settings, (message, transfer) => postMessage(message, { transfer }));
    globalThis.WebSocket = gatewayWebSocket(worker);
    keepTimersPrompt();
    for (const level of ['debug', 'error', 'info', 'log', 'warn'] as const) {
      console[level] = (...said: unknown[]) => worker.log(said.map(String).join(' '));
    }
    addEventListener('message', (event: MessageEvent<ToWorker>) => void worker.receive(event.data));
    void worker.start(
      (listener, onFailure) => startOfficialClient(loadNymWasm(module), options, listener, onFailure),
      // The browser keeps it.
      () => Promise.resolve(undefined),
    );
  },
  { once: true },
);
