/**
 * The worker thread of one mixnet client: makes Node look enough like a browser for the official client, restores its
 * database, starts it and serves its owner.
 *
 * @module
 */
import 'fake-indexeddb/auto';

import { format } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';

import { startOfficialClient, type ClientOpts } from '../../../wasm/client.js';
import { loadNymWasm } from '../../../wasm/load.js';
import { keepTimersPrompt } from '../client-timers.js';
import { ClientWorker } from '../client-worker.js';
import type { WorkerSettings } from '../options.js';
import type { ToWorker } from '../worker-protocol.js';
import { CloseEvent } from './close-event.js';
import { exportDatabase, importDatabase } from './database.js';
import type { HeartbeatTimes } from './heartbeat.js';
import { gatewayWebSocket } from './web-socket.js';

/** What the owner starts this worker with. */
export interface NodeWorkerData {
  readonly module: WebAssembly.Module;
  /** For the official client. */
  readonly options: ClientOpts;
  readonly settings: WorkerSettings;
  /** From an earlier start of the same identity. */
  readonly database: Uint8Array | undefined;
  /** Whether the database is to be handed over once the client has started. */
  readonly keepDatabase: boolean;
  readonly heartbeat: HeartbeatTimes;
}

if (!parentPort) throw new Error('This file runs in a worker thread only.');
const port = parentPort;
const { module, options, settings, database, keepDatabase, heartbeat } = workerData as NodeWorkerData;

const worker = new ClientWorker(settings, (message, transfer) => port.postMessage(message, transfer));

Object.assign(globalThis, { WebSocket: gatewayWebSocket(worker, heartbeat), CloseEvent });
keepTimersPrompt();
for (const level of ['debug', 'error', 'info', 'log', 'warn'] as const) {
  console[level] = (...said: unknown[]) => worker.log(format(...said));
}

port.on('message', (message: ToWorker) => void worker.receive(message));
if (database) await importDatabase(database);
await worker.start(
  (listener, onFailure) => startOfficialClient(loadNymWasm(module), options, listener, onFailure),
  async () => (keepDatabase ? exportDatabase() : undefined),
);
