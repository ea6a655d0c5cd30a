/**
 * A worker thread that starts an official client and tells which timeouts it asked for.
 *
 * @module
 */
import 'fake-indexeddb/auto';

import { parentPort, workerData } from 'node:worker_threads';

import { keepTimersPrompt } from '../../src/mixnet/client-timers.js';
import { ClientWorker } from '../../src/mixnet/client-worker.js';
import { CloseEvent } from '../../src/mixnet/node/close-event.js';
import { HEARTBEAT } from '../../src/mixnet/node/heartbeat.js';
import { gatewayWebSocket } from '../../src/mixnet/node/web-socket.js';
import { clientOverride, workerSettings } from '../../src/mixnet/options.js';
import { startOfficialClient } from '../../wasm/client.js';
import { loadNymWasm } from '../../wasm/load.js';

export interface TimersWorkerData {
  readonly module: WebAssembly.Module;
  readonly apiUrl: string;
}

export interface TimersReport {
  /** Timeouts of the heap that wait. */
  readonly waiting: number;
  /** Timeouts that Rust's closures asked for otherwise, in ms. */
  readonly others: readonly number[];
}

const { module, apiUrl } = workerData as TimersWorkerData;
const watch = new ClientWorker(workerSettings({ traffic: 'fast' }), () => undefined);
const others: number[] = [];
const { setTimeout } = globalThis;
Object.assign(globalThis, {
  WebSocket: gatewayWebSocket(watch, HEARTBEAT),
  CloseEvent,
  setTimeout(callback: () => void, ms: number) {
    if ('original' in callback) others.push(ms);
    return setTimeout(callback, ms);
  },
});
const heap = keepTimersPrompt();
for (const level of ['debug', 'error', 'info', 'log', 'warn'] as const) console[level] = () => undefined;

await startOfficialClient(
  loadNymWasm(module),
  { nymApiUrl: apiUrl, clientOverride: clientOverride({ traffic: 'fast' }) },
  () => undefined,
  () => undefined,
);
parentPort?.postMessage({ waiting: heap.waiting, others } satisfies TimersReport);
