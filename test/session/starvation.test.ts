import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

/** A thread whose event loop does not turn for so long is starved. */
const STARVED_MS = 2000;

const LONGEST_MS = 20_000;

/** Settles with what the scene says last; a starved one is ended. */
function play(scene: string): Promise<string> {
  const worker = new Worker(new URL('./starvation-worker.js', import.meta.url), { workerData: scene });
  return new Promise<string>((resolve, reject) => {
    const starve = () => resolve('starved');
    setTimeout(() => resolve('goes on for ever'), LONGEST_MS).unref();
    let timer: NodeJS.Timeout | undefined;
    worker.on('message', (message: string) => {
      clearTimeout(timer);
      // The first heartbeat comes once the thread has loaded its modules.
      if (message === 'alive') timer = setTimeout(starve, STARVED_MS);
      else resolve(message);
    });
    worker.on('error', reject);
  }).finally(() => worker.terminate());
}

describe('an application that writes without end', { timeout: 120_000 }, () => {
  for (const source of ['loop', 'pipe'])
    for (const end of [
      'reset',
      'limit',
      'idle timeout',
      'silence of a dead peer',
      'loss of the client',
      'close of the streams',
      'abort signal',
    ])
      it(`in a ${source} is stopped by the error of its session: ${end}`, async () => {
        assert.equal(await play(`${source}/${end}`), 'rejected');
      });

  it('of nothing starves nobody', async () => {
    assert.equal(await play('nothing/reset'), 'rejected');
  });
});
