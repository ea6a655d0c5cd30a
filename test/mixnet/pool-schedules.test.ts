import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';

import fc from 'fast-check';

import type { MixnetClient } from '../../src/mixnet/client.js';
import { LAST_RETRY_MS } from '../../src/mixnet/backoff.js';
import { ClientPool } from '../../src/mixnet/pool.js';
import { controlledStarts, dead, settled } from './controlled-starts.js';

describe('the client pool, whatever happens', () => {
  type Event = 'take' | 'abandon' | 'succeed' | 'fail' | 'lose' | 'wait';
  const events = fc.array(
    fc.constantFrom<Event>('take', 'take', 'abandon', 'succeed', 'succeed', 'fail', 'lose', 'wait'),
    {
      maxLength: 60,
    },
  );

  it('loses no caller and no client, and never starts more than is missing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3 }), events, async (reserve, schedule) => {
        mock.timers.enable({ apis: ['setTimeout'] });
        try {
          await runSchedule(reserve, schedule);
        } finally {
          mock.timers.reset();
        }
      }),
      { numRuns: 200 },
    );
  });

  async function runSchedule(reserve: number, schedule: readonly Event[]): Promise<void> {
    const starts = controlledStarts();
    const pool = new ClientPool({ reserve, start: starts.start });
    const taken: MixnetClient[] = [];
    const open = new Set<AbortController>();
    const takes: Promise<void>[] = [];

    const act: Record<Event, () => void> = {
      take() {
        const control = new AbortController();
        open.add(control);
        const take = pool.take(control.signal).then(
          (client) => {
            open.delete(control);
            taken.push(client);
          },
          () => void open.delete(control),
        );
        takes.push(take);
      },
      abandon: () => [...open][0]?.abort(new Error('abandoned')),
      succeed: () => starts.pending[0]?.succeed(),
      fail: () => starts.pending[0]?.fail(dead),
      lose: () =>
        starts.clients.find((client) => client.state === 'ready' && !taken.includes(client))?.lose(),
      wait: () => mock.timers.tick(LAST_RETRY_MS),
    };
    for (const event of schedule) {
      act[event]();
      await settled();
      assert.ok(pool.ready <= reserve);
      assert.ok(starts.pending.length + pool.ready <= reserve + open.size, 'no start that nobody needs');
    }
    await pool.close();
    await Promise.all(takes);
    assert.equal(open.size, 0, 'every caller has got an answer');
    assert.equal(new Set(taken).size, taken.length, 'no client is handed out twice');
    for (const client of starts.clients) {
      assert.equal(client.state, taken.includes(client) ? 'ready' : 'closed');
    }
  }
});
