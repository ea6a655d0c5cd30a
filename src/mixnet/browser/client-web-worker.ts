import { MixnetClientError } from '../errors.js';
import { WorkerMixnetClient, type ClientWatch } from '../worker-client.js';
import type { FromWorker } from '../worker-protocol.js';
import type { BrowserWorkerData } from './official-client-worker.js';

/**
 * Runs an official client in a new Web Worker, whose end is the client's only way to stop (nym-api.md section 9).
 *
 * @param onEnd called once the worker has been told to end, and before anybody is told so.
 */
export function runClientWorker(
  data: BrowserWorkerData,
  watch: ClientWatch,
  onEnd: () => Promise<void>,
): WorkerMixnetClient {
  const worker = new Worker(new URL('./official-client-worker.js', import.meta.url), {
    type: 'module',
    name: 'nym-client',
  });
  const client = new WorkerMixnetClient(
    {
      post: (message, transfer) => worker.postMessage(message, transfer),
      end: () => {
        worker.terminate();
        return onEnd();
      },
    },
    watch,
  );
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => client.receive(data));
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    client.fail(new MixnetClientError('crashed', deathOf(event)));
  });
  worker.postMessage(data);
  return client;
}

/** A worker whose script cannot be loaded reports a plain event without any reason. */
function deathOf(event: Event): string {
  return event instanceof ErrorEvent
    ? `The official client crashed: ${event.message}.`
    : "The script of the official client's worker could not be loaded. Check that the site serves it.";
}
