import assert from 'node:assert/strict';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { MixnetClientError } from '../../src/mixnet/errors.js';
import { FakeClient } from './fake-client.js';

/** A start that the test ends as it likes. */
export interface PendingStart {
  readonly signal: AbortSignal;
  succeed(): FakeClient;
  fail(error: Error): void;
}

/** Collects starts; each settles when the test says so, or when its signal aborts. */
export function controlledStarts() {
  const pending: PendingStart[] = [];
  const clients: FakeClient[] = [];
  const start = (signal: AbortSignal) =>
    new Promise<MixnetClient>((resolve, reject) => {
      const own: PendingStart = {
        signal,
        succeed() {
          pending.splice(pending.indexOf(own), 1);
          const client = new FakeClient();
          clients.push(client);
          resolve(client);
          return client;
        },
        fail(error) {
          pending.splice(pending.indexOf(own), 1);
          reject(error);
        },
      };
      pending.push(own);
      signal.addEventListener('abort', () => own.fail(signal.reason as Error));
    });
  const first = (): PendingStart => {
    const [start] = pending;
    assert.ok(start, 'no start is under way');
    return start;
  };
  return { pending, clients, start, first };
}

/** Lets every promise settle that can; timers of the pool are mocked and stay where they are. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Why a start fails. */
export const dead = new MixnetClientError('network', 'the directory is dead');
