import { Worker } from 'node:worker_threads';

import { MixnetClientError } from '../errors.js';
import { WorkerMixnetClient, type ClientWatch } from '../worker-client.js';
import type { FromWorker } from '../worker-protocol.js';
import type { NodeWorkerData } from './worker.js';

/**
 * Runs an official client in a new worker thread, whose end is the client's only way to stop (nym-api.md section 8).
 * A panic of the official client ends the thread too, and with it only this client.
 *
 * @param onEnd called once the thread has ended, and before anybody is told so.
 */
export function runClientThread(
  data: NodeWorkerData,
  watch: ClientWatch,
  onEnd: () => Promise<void>,
): WorkerMixnetClient {
  const thread = new Worker(new URL('./worker.js', import.meta.url), {
    name: 'nym-client',
    workerData: data,
    // Flags of the parent, as --test or --eval, are not meant for the thread.
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  thread.stdout.resume();
  thread.stderr.resume();

  const client = new WorkerMixnetClient(
    {
      post: (message, transfer) => thread.postMessage(message, transfer),
      end: async () => {
        await thread.terminate();
        await onEnd();
      },
    },
    watch,
  );
  let death = 'its thread ended';
  thread.on('message', (message) => client.receive(message as FromWorker));
  // A panic of the Rust code says no more than "unreachable".
  thread.on('error', (error) => (death = error.message));
  thread.on('exit', () =>
    client.fail(new MixnetClientError('crashed', `The official client crashed: ${death}.`)),
  );
  return client;
}
