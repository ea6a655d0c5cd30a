import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import type { MixnetClientState, MixnetMessage } from '../../src/mixnet/client.js';
import { MixnetClientError } from '../../src/mixnet/errors.js';
import { WorkerMixnetClient } from '../../src/mixnet/worker-client.js';
import { ALIVE_EVERY_MS, type ToWorker } from '../../src/mixnet/worker-protocol.js';

const RECIPIENT =
  '2iWkvP5Yom4F2WpV6JNqn35EZiojvB57HkPAS91A4Tsp.8jTkqNKAVa6WnqR9VJ9WzEtnsiJcjDGKeVq4DjNdVmpr@54UzQUReUH8T6rcaSZ6c9V6pvVdhr9HRBnbAdxZfFsbr';
const SENDER_TAG = 'ARAw2F6bjF2rZ36r7m1B5c';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A client whose worker is played by the test. */
function connecting() {
  const posted: ToWorker[] = [];
  const states: MixnetClientState[] = [];
  const logs: string[] = [];
  let ends = 0;
  let ended: () => void = () => undefined;
  const client = new WorkerMixnetClient(
    {
      post: (message, transfer) => posted.push(structuredClone(message, { transfer })),
      end: () => {
        ends += 1;
        return new Promise((resolve) => (ended = resolve));
      },
    },
    { onLog: (line) => logs.push(line) },
  );
  client.on('state', (state) => states.push(state));
  return { client, posted, states, logs, ends: () => ends, finishEnd: () => ended() };
}

async function ready() {
  const world = connecting();
  world.client.receive({ kind: 'started', address: 'me', database: undefined });
  await world.client.started;
  return world;
}

describe('a mixnet client whose worker', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval', 'setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('has started is ready and knows its address', async () => {
    const { client, states } = connecting();
    assert.equal(client.state, 'connecting');
    client.receive({ kind: 'started', address: 'me', database: Uint8Array.of(1) });
    assert.deepEqual((await client.started).database, Uint8Array.of(1));
    assert.equal(client.address, 'me');
    assert.deepEqual(states, ['ready']);
    void client.close();
  });

  it('fails to start rejects with its words and ends', async () => {
    const { client, ends } = connecting();
    client.receive({ kind: 'failed', reason: 'no gateway' });
    await assert.rejects(client.started, { message: 'no gateway' });
    assert.equal(client.state, 'lost');
    assert.equal(ends(), 1);
  });

  it('dies while starting rejects', async () => {
    const { client } = connecting();
    client.fail(new MixnetClientError('crashed', 'unreachable'));
    await assert.rejects(client.started, { code: 'crashed' });
  });

  it('takes a message settles the send, with the very bytes of the payload', async () => {
    const { client, posted } = await ready();
    const memory = Uint8Array.of(9, 1, 2, 3, 9);
    const sent = client.send(` ${RECIPIENT}\n`, memory.subarray(1, 4), 5);
    memory.fill(0);
    assert.deepEqual(posted, [
      { kind: 'send', id: 1, recipient: RECIPIENT, payload: Uint8Array.of(1, 2, 3), replySurbs: 5 },
    ]);
    client.receive({ kind: 'done', id: 1 });
    await sent;
    const replied = client.reply(SENDER_TAG, Buffer.from('abc'));
    assert.deepEqual(posted[1], {
      kind: 'reply',
      id: 2,
      senderTag: SENDER_TAG,
      payload: new Uint8Array(Buffer.from('abc')),
    });
    client.receive({ kind: 'done', id: 2 });
    await replied;
    void client.close();
  });

  it('refuses a message rejects that send only', async () => {
    const { client } = await ready();
    const first = client.send(RECIPIENT, new Uint8Array(1), 0);
    const second = client.send(RECIPIENT, new Uint8Array(1), 0);
    client.receive({ kind: 'refused', id: 1, reason: 'malformed' });
    client.receive({ kind: 'done', id: 2 });
    await assert.rejects(first, { code: 'address' });
    await second;
    assert.equal(client.state, 'ready');
    void client.close();
  });

  it('has a dead official client is lost', async () => {
    const { client } = await ready();
    const send = client.send(RECIPIENT, new Uint8Array(1), 0);
    client.receive({ kind: 'refused', id: 1, reason: 'InputMessageReceiver has stopped receiving!' });
    await assert.rejects(send, MixnetClientError);
    assert.equal(client.state, 'lost');
  });

  it('is never bothered with what is no address, tag or number of SURBs', async () => {
    const { client, posted } = await ready();
    const payload = new Uint8Array(1);
    for (const recipient of ['', 'x', `${RECIPIENT}@x`, RECIPIENT.slice(0, -3)]) {
      await assert.rejects(client.send(recipient, payload, 1), {
        name: 'MixnetClientError',
        code: 'address',
      });
    }
    for (const tag of ['', 'x', '0OIl', SENDER_TAG.repeat(1000)]) {
      await assert.rejects(client.reply(tag, payload), { name: 'MixnetClientError', code: 'address' });
    }
    for (const surbs of [-1, 0.5, Number.NaN]) {
      await assert.rejects(client.send(RECIPIENT, payload, surbs), RangeError);
    }
    assert.deepEqual(posted, []);
    void client.close();
  });

  it('loses its gateway rejects what is under way and all later calls', async () => {
    const { client, states, finishEnd } = await ready();
    const send = assert.rejects(client.send(RECIPIENT, new Uint8Array(1), 0), { code: 'gateway' });
    const flush = client.flush(1_000);
    client.receive({ kind: 'lost', reason: 'The gateway closed the connection' });
    await send;
    await flush;
    assert.equal(client.state, 'lost');
    assert.match(client.lostReason?.message ?? '', /closed the connection/);
    await assert.rejects(client.send(RECIPIENT, new Uint8Array(1), 0), { code: 'state' });
    await assert.rejects(client.reply(SENDER_TAG, new Uint8Array(1)), { code: 'state' });
    await client.flush(1_000);

    assert.deepEqual(states, ['ready'], 'nobody is told before the worker has ended');
    finishEnd();
    await turn();
    assert.deepEqual(states, ['ready', 'lost']);
  });

  it('ends by itself is lost', async () => {
    const { client } = await ready();
    client.fail(new MixnetClientError('crashed', 'its thread ended'));
    assert.equal(client.lostReason?.code, 'crashed');
    assert.equal(client.state, 'lost');
  });

  it('says nothing for a minute is lost', async () => {
    const { client } = await ready();
    for (let i = 0; i < 20; i += 1) {
      mock.timers.tick(ALIVE_EVERY_MS);
      client.receive({ kind: 'alive' });
    }
    assert.equal(client.state, 'ready');
    mock.timers.tick(60_000);
    assert.equal(client.state, 'lost');
    assert.match(client.lostReason?.message ?? '', /hangs/);
  });

  it('is closed ends once, and rejects what is under way', async () => {
    const { client, states, ends, finishEnd } = await ready();
    const send = assert.rejects(client.send(RECIPIENT, new Uint8Array(1), 0), { code: 'state' });
    const closed = [client.close(), client.close()];
    assert.equal(client.state, 'closed');
    client.fail(new MixnetClientError('crashed', 'too late'));
    finishEnd();
    await Promise.all(closed);
    await send;
    await client.close();
    assert.equal(client.state, 'closed');
    assert.equal(client.lostReason, undefined);
    assert.equal(ends(), 1);
    assert.deepEqual(states, ['ready', 'closed']);
  });

  it('is closed while it starts rejects the start', async () => {
    const { client, finishEnd } = connecting();
    const closed = client.close();
    finishEnd();
    await closed;
    await assert.rejects(client.started, { code: 'state' });
  });

  it('is closed after it was lost says closed', async () => {
    const { client, states, finishEnd } = await ready();
    client.receive({ kind: 'lost', reason: 'gone' });
    finishEnd();
    await turn();
    await client.close();
    assert.equal(client.lostReason, undefined);
    assert.deepEqual(states, ['ready', 'lost', 'closed']);
  });

  it('flushes too slowly settles the flush all the same', async () => {
    const { client, posted } = await ready();
    const flush = client.flush(1_000);
    assert.deepEqual(posted, [{ kind: 'flush', id: 1 }]);
    mock.timers.tick(1_000);
    await flush;
    client.receive({ kind: 'done', id: 1 });
    void client.close();
  });

  it('got messages early keeps them for the first listener, in order', async () => {
    const { client } = connecting();
    const message = (n: number) =>
      ({ kind: 'message', payload: Uint8Array.of(n), senderTag: undefined }) as const;
    client.receive(message(1));
    client.receive({ kind: 'started', address: 'me', database: undefined });
    await client.started;
    client.receive(message(2));
    const got: MixnetMessage[] = [];
    const remove = client.on('message', (arrived) => got.push(arrived));
    await turn();
    client.receive(message(3));
    remove();
    client.receive(message(4));
    assert.deepEqual(
      got.map(({ payload }) => payload[0]),
      [1, 2, 3],
    );
    void client.close();
  });

  it('writes to the console writes to the log only', async () => {
    const { client, logs } = await ready();
    client.receive({ kind: 'log', line: 'hello' });
    assert.deepEqual(logs, ['hello']);
    void client.close();
  });
});
