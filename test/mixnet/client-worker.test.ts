import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import { ClientWorker, QUIET_STALE_AFTER_MS, type GatewaySocket } from '../../src/mixnet/client-worker.js';
import { DEFAULT_PACKETS_AHEAD, workerSettings, type ClientSettings } from '../../src/mixnet/options.js';
import { ALIVE_EVERY_MS, type FromWorker } from '../../src/mixnet/worker-protocol.js';
import type { OfficialClient, OfficialMessageListener } from '../../wasm/client.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
/** A socket whose frames reach the gateway at once. */
const newSocket = (): GatewaySocket => ({ reachGateway: () => Promise.resolve() });
const noDatabase = () => Promise.resolve(undefined);

/** A worker whose official client takes everything, and whose owner and socket are played by the test. */
function newWorld(changes: Partial<OfficialClient> = {}, settings: ClientSettings = { traffic: 'fast' }) {
  const said: FromWorker[] = [];
  const transferred: ArrayBuffer[] = [];
  const worker = new ClientWorker(workerSettings(settings), (message, transfer) => {
    said.push(message);
    transferred.push(...transfer);
  });
  let deliver: OfficialMessageListener = () => assert.fail('not started');
  const launch = (listener: OfficialMessageListener) => {
    deliver = listener;
    return Promise.resolve({
      address: 'me',
      sendAnonymous: () => Promise.resolve(),
      reply: () => Promise.resolve(),
      ...changes,
    });
  };
  const send = (id: number, bytes: number) => {
    void worker.receive({
      kind: 'send',
      id,
      recipient: 'you',
      payload: new Uint8Array(bytes),
      replySurbs: 0,
    });
  };
  return {
    worker,
    said,
    transferred,
    launch,
    send,
    deliver: (...args: Parameters<OfficialMessageListener>) => deliver(...args),
  };
}

async function started(changes: Partial<OfficialClient> = {}, settings?: ClientSettings) {
  const world = newWorld(changes, settings);
  const socket = newSocket();
  world.worker.opened(socket);
  await world.worker.start(world.launch, noDatabase);
  world.said.length = 0;
  return { ...world, socket };
}

describe('the worker of a mixnet client', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval', 'setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('says that it has started, with the address and what is to be kept', async () => {
    const { worker, said, launch } = newWorld();
    await worker.start(launch, () => Promise.resolve(Uint8Array.of(1)));
    assert.deepEqual(said, [{ kind: 'started', address: 'me', database: Uint8Array.of(1) }]);
  });

  it('says why it has not started', async () => {
    const { worker, said } = newWorld();
    await worker.start(() => Promise.reject(new Error('no gateway')), noDatabase);
    assert.deepEqual(said, [{ kind: 'failed', reason: 'no gateway' }]);
  });

  it('has not started if the gateway is gone by then', async () => {
    const { worker, said, launch } = newWorld();
    const [registration, working] = [newSocket(), newSocket()];
    worker.opened(registration);
    worker.closed(registration, 'registered');
    worker.opened(working);
    worker.closed(working, 'gone');
    await worker.start(launch, noDatabase);
    assert.deepEqual(said.at(-1), { kind: 'failed', reason: 'gone' });
  });

  it('starts though the socket of the registration is closed', async () => {
    const { worker, said, launch } = newWorld();
    const [registration, working] = [newSocket(), newSocket()];
    worker.opened(registration);
    worker.opened(working);
    worker.closed(registration, 'registered');
    await worker.start(launch, noDatabase);
    assert.equal(said.at(-1)?.kind, 'started');
    said.length = 0;
    worker.closed(registration, 'again');
    assert.deepEqual(said, []);
  });

  it('tells of its keys and its gateway once', () => {
    const { worker, said } = newWorld();
    for (const socket of [newSocket(), newSocket()]) {
      worker.opened(socket);
      worker.connected();
    }
    assert.deepEqual(said, [
      { kind: 'reached', step: 'keys' },
      { kind: 'reached', step: 'gateway' },
    ]);
  });

  it('counts the packets that wait and those that have left', async () => {
    const { worker, said } = await started();
    await worker.receive({ kind: 'reply', id: 1, senderTag: 'somebody', payload: new Uint8Array(5_000) });
    worker.frameLeft();
    said.length = 0;
    await worker.receive({ kind: 'count', id: 2 });
    const [answer] = said;
    assert.ok(answer?.kind === 'traffic');
    assert.equal(answer.id, 2);
    assert.equal(answer.traffic.packetsSent, 1);
    assert.ok(answer.traffic.packetsWaiting > 0);
  });

  it('says that it is alive', async () => {
    const { said } = await started();
    mock.timers.tick(ALIVE_EVERY_MS);
    assert.deepEqual(said, [{ kind: 'alive' }]);
  });

  it('says when the gateway is gone', async () => {
    const { worker, said, socket } = await started();
    worker.closed(socket, 'gone');
    assert.deepEqual(said, [{ kind: 'lost', reason: 'gone' }]);
  });

  it('says when the official client no longer listens to the gateway', async () => {
    const { worker, said, socket } = await started();
    worker.textArrived(socket, '{"type":"send","remaining_bandwidth":1}');
    assert.deepEqual(said, []);
    worker.textArrived(socket, '{"type":"error","message":"no"}');
    assert.deepEqual(said, [{ kind: 'lost', reason: 'The gateway sent error: no' }]);
  });

  it('hands over what arrives without a copy', async () => {
    const { said, transferred, deliver } = await started();
    const payload = Uint8Array.of(1, 2);
    deliver(payload, 'tag');
    assert.deepEqual(said, [{ kind: 'message', payload, senderTag: 'tag' }]);
    assert.deepEqual(transferred, [payload.buffer]);
    deliver(payload.subarray(1), undefined);
    assert.equal(transferred.length, 1, 'a part of a larger memory is copied instead');
  });

  it('hands the next message over once few enough packets are ahead', async () => {
    const taken: number[] = [];
    const { worker, said, send } = await started({
      sendAnonymous: (_, payload) => {
        taken.push(payload.length);
        return Promise.resolve();
      },
    });
    // 20 packets (sphinx.md section 9).
    send(1, 19 * 1604);
    send(2, 1);
    await turn();
    assert.deepEqual(said, [{ kind: 'done', id: 1 }]);
    for (let left = 20; left > DEFAULT_PACKETS_AHEAD.fast + 1; left -= 1) worker.frameLeft();
    await turn();
    assert.equal(taken.length, 1);
    worker.frameLeft();
    await turn();
    assert.deepEqual(taken, [19 * 1604, 1]);
    assert.deepEqual(said[1], { kind: 'done', id: 2 });
  });

  it('hands everything over at once if it is told so', async () => {
    const { said, send } = await started({}, { packetsAhead: Infinity });
    for (let id = 1; id <= 3; id += 1) send(id, 100_000);
    await turn();
    assert.equal(said.length, 3);
  });

  it('lets a small message, or a reply, go before the large ones of others', async () => {
    const { worker, said, send } = await started();
    for (let id = 1; id <= 3; id += 1) send(id, 8 * 1500);
    void worker.receive({ kind: 'reply', id: 4, senderTag: 'tag', payload: new Uint8Array(1) });
    await turn();
    for (let packets = 0; packets < 8; packets += 1) worker.frameLeft();
    await turn();
    assert.deepEqual(said.slice(0, 2), [
      { kind: 'done', id: 1 },
      { kind: 'done', id: 4 },
    ]);
  });

  it('goes on without what does not leave, as a reply without SURBs', async () => {
    const { worker, said, send } = await started();
    void worker.receive({ kind: 'reply', id: 1, senderTag: 'tag', payload: new Uint8Array(40_000) });
    send(2, 1);
    await turn();
    assert.deepEqual(said, [{ kind: 'done', id: 1 }]);
    mock.timers.tick(QUIET_STALE_AFTER_MS);
    await turn();
    assert.deepEqual(said[1], { kind: 'done', id: 2 });
  });

  it('counts large packets where the official client uses them', async () => {
    const { said, send } = await started({}, { traffic: 'bulk', packetsAhead: 2 });
    // Two packets; small ones it would need 38 of.
    send(1, 60_000);
    send(2, 1);
    await turn();
    assert.equal(said.length, 2);
  });

  it('answers a flush once everything has reached the gateway', async () => {
    const { worker, said, socket } = await started();
    let reached: () => void = () => assert.fail('nobody waits for the gateway');
    socket.reachGateway = () => new Promise((resolve) => (reached = resolve));
    void worker.receive({ kind: 'reply', id: 1, senderTag: 'tag', payload: new Uint8Array(39 * 1604) });
    void worker.receive({ kind: 'reply', id: 2, senderTag: 'tag', payload: new Uint8Array(1) });
    await turn();
    void worker.receive({ kind: 'flush', id: 3 });
    for (let i = 0; i < 40; i += 1) worker.frameLeft();
    await turn();
    assert.equal(said.length, 2);
    worker.frameLeft();
    await turn();
    assert.equal(said.length, 2);
    reached();
    await turn();
    assert.deepEqual(said[2], { kind: 'done', id: 3 });
  });

  it('passes a refusal of the official client on', async () => {
    const { said, send } = await started({ sendAnonymous: () => Promise.reject(new Error('malformed')) });
    send(7, 1);
    await turn();
    assert.deepEqual(said, [{ kind: 'refused', id: 7, reason: 'malformed' }]);
  });

  it('refuses to send before it has started', async () => {
    const { said, send } = newWorld();
    send(1, 1);
    await turn();
    assert.equal(said[0]?.kind, 'refused');
  });

  it('passes log lines on, not whole books', async () => {
    const { worker, said } = await started();
    worker.log('x'.repeat(1_000_000));
    const [line] = said;
    assert.ok(line?.kind === 'log' && line.line.length <= 1_000);
  });
});
