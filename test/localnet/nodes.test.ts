import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';

import type { NodeCounters } from '../../src/localnet/counters.js';
import { LocalnetError, type LocalnetErrorCode } from '../../src/localnet/errors.js';
import { identityFromSeed } from '../../src/localnet/keys.js';
import type { NodeSpec } from '../../src/localnet/node-host.js';
import { startNodes, type NodesOptions, type RunningNodes } from '../../src/localnet/nodes.js';
import type { SphinxHop } from '../../src/localnet/sphinx/build.js';
import { GatewayClient, testIdentity } from '../support/gateway-client.js';
import { dropsOf, gatewaySpec, hopOf, mixSpec, packetThrough, packetWithAck } from './traffic.js';

const IN_TIME = { timeout: 60_000 };

const mixes = [mixSpec(1), mixSpec(2), mixSpec(3)];
const [mix1 = mixSpec(1), mix2 = mixSpec(2)] = mixes;
const home = gatewaySpec(4);
const away = gatewaySpec(5);

const routeTo = (gateway: NodeSpec, delayMs = 0): SphinxHop[] =>
  [...mixes, gateway].map((spec) => hopOf(spec, delayMs));

/** Nodes that end with the test. */
async function start(
  t: TestContext,
  specs: readonly NodeSpec[],
  options: NodesOptions = {},
): Promise<RunningNodes> {
  const nodes = await startNodes(specs, options);
  t.after(() => nodes.close());
  return nodes;
}

/** Asks for the counters until they are as wanted, for as long as the test may take. */
async function untilTotal(
  nodes: RunningNodes,
  isReached: (total: NodeCounters) => boolean,
): Promise<NodeCounters> {
  for (;;) {
    const { total } = await nodes.counters();
    if (isReached(total)) return total;
  }
}

/** A registered client of a gateway. */
async function client(
  t: TestContext,
  nodes: RunningNodes,
  gateway: NodeSpec,
  identity = testIdentity(),
): Promise<GatewayClient> {
  const wsPort = await wsPortOf(nodes, gateway);
  const connection = await GatewayClient.connect(wsPort, identity);
  t.after(() => connection.close());
  await connection.register(identityFromSeed(gateway.gateway?.identitySeed ?? new Uint8Array()).publicKey);
  return connection;
}

async function wsPortOf(nodes: RunningNodes, { id }: NodeSpec): Promise<number> {
  const report = (await nodes.counters()).nodes.find((node) => node.id === id);
  assert.ok(report?.wsPort !== undefined);
  return report.wsPort;
}

function rejectsWith(
  code: LocalnetErrorCode,
  message: RegExp,
  action: () => Promise<unknown>,
): Promise<void> {
  return assert.rejects(
    action,
    (error) => error instanceof LocalnetError && error.code === code && message.test(error.message),
  );
}

describe('nodes in worker threads', IN_TIME, () => {
  for (const threads of [1, 2, 3]) {
    it(`carry a message to its recipient and the ack back, in ${threads} threads`, async (t) => {
      const nodes = await start(t, [...mixes, home, away], { threads });
      const [sender, recipient] = [await client(t, nodes, home), await client(t, nodes, away)];
      sender.send({ type: 'claimFreeTestnetBandwidth' });
      await sender.nextReply('bandwidth');

      const [message, ack] = [randomBytes(1643), randomBytes(21)];
      const packet = packetWithAck({
        route: routeTo(away, 2),
        ackRoute: routeTo(home, 2),
        recipient: recipient.identity.publicKey,
        sender: sender.identity.publicKey,
        message,
        ack,
      });
      sender.forward(packet.nextHop, packet.packet, 1);
      await sender.nextReply('send');

      assert.deepEqual(Buffer.from(await recipient.nextPush()), message);
      assert.deepEqual(Buffer.from(await sender.nextPush()), ack);
      const { total } = await nodes.counters();
      assert.equal(dropsOf(total), 0);
      assert.deepEqual(
        { ...total, dropped: {} },
        {
          received: 8,
          fromClients: 1,
          acksReleased: 1,
          forwarded: 8,
          final: 2,
          duplicated: 0,
          held: 0,
          dropped: {},
        },
      );
    });
  }

  it('drop the second copy of every duplicated packet at the next node', async (t) => {
    const nodes = await start(t, [...mixes, home, away], { threads: 2, faults: { duplication: 1 } });
    for (let i = 0; i < 20; i += 1) {
      await nodes.deliver(packetWithAck({ route: routeTo(away), ackRoute: routeTo(home) }));
    }
    // 7 hand-overs for each packet: 3 to the gateway, the ack's first, 3 back.
    const total = await untilTotal(nodes, ({ dropped }) => dropped.replay === 20 * 7);
    assert.equal(total.duplicated, 20 * 7);
    assert.equal(total.final, 20 * 2);
    assert.equal(dropsOf(total), total.dropped.replay);
  });

  it('lose packets as told, from the start and from any moment on', async (t) => {
    const nodes = await start(t, mixes, { faults: { loss: 1 } });
    const deliver = (): Promise<void> => nodes.deliver(packetThrough(mixes.map((spec) => hopOf(spec))));
    await deliver();
    await untilTotal(nodes, ({ dropped }) => dropped.loss === 1);
    await nodes.setFaults({});
    await deliver();
    const total = await untilTotal(nodes, ({ dropped }) => dropped.malformed === 1);
    assert.equal(total.dropped.loss, 1);
    assert.equal(total.forwarded, 2);
  });

  it('make the same faults again with the same seed', async (t) => {
    const outcome = async (seed: number): Promise<number[]> => {
      const nodes = await start(t, [mix1, mix2], {
        threads: 1,
        seed,
        faults: { loss: 0.3, duplication: 0.3 },
      });
      for (let i = 0; i < 100; i += 1) await nodes.deliver(packetThrough([hopOf(mix1), hopOf(mix2)]));
      const { dropped, duplicated } = await untilTotal(nodes, (t) => t.forwarded + t.dropped.loss === 100);
      return [dropped.loss, duplicated];
    };
    const first = await outcome(42);
    assert.deepEqual(await outcome(42), first);
    assert.ok(first.every((count) => count > 10 && count < 50));
  });

  it('hold each hand-over for the extra delay', async (t) => {
    const nodes = await start(t, [mix1, mix2], { threads: 2, faults: { extraDelayMs: 60_000 } });
    await nodes.deliver(packetThrough([hopOf(mix1), hopOf(mix2)]));
    const total = await untilTotal(nodes, ({ received, held }) => received === 1 && held === 1);
    assert.equal(total.forwarded, 0);
  });

  it('drop what comes for a stopped mix node, and pass packets again once it is started', async (t) => {
    const nodes = await start(t, [mix1, mix2], { threads: 2 });
    const deliver = (): Promise<void> => nodes.deliver(packetThrough([hopOf(mix1), hopOf(mix2)]));
    await nodes.stopNode(2);
    await deliver();
    await untilTotal(nodes, ({ dropped }) => dropped.stopped === 1);
    assert.deepEqual(
      (await nodes.counters()).nodes.map(({ running }) => running),
      [true, false],
    );
    await nodes.startNode(2);
    await deliver();
    await untilTotal(nodes, ({ dropped }) => dropped.malformed === 1);
  });

  it('end the connections of a stopped gateway, which comes back on its port with its clients', async (t) => {
    const nodes = await start(t, [...mixes, home], { threads: 2 });
    const before = await client(t, nodes, home);
    const wsPort = await wsPortOf(nodes, home);
    await nodes.stopNode(home.id);
    await before.closed;
    await assert.rejects(GatewayClient.connect(wsPort, before.identity), /ECONNREFUSED/);

    await nodes.stopNode(home.id);
    await nodes.startNode(home.id);
    await nodes.startNode(home.id);
    const after = await GatewayClient.connect(wsPort, before.identity, before.key);
    t.after(() => after.close());
    after.authenticateV2();
    assert.equal((await after.nextReply('authenticate'))['status'], true);

    const message = randomBytes(1643);
    const recipient = before.identity.publicKey;
    await nodes.deliver(packetWithAck({ route: routeTo(home), ackRoute: routeTo(home), recipient, message }));
    assert.deepEqual(Buffer.from(await after.nextPush()), message);
    const report = (await nodes.counters()).nodes.find(({ id }) => id === home.id);
    assert.equal(report?.gateway?.['registrations'], 1);
    assert.equal(report.gateway['authentications'], 1);
  });

  it('take stops and starts of a gateway in the order in which they are asked for', async (t) => {
    const nodes = await start(t, [home]);
    await Promise.all([
      nodes.stopNode(home.id),
      nodes.startNode(home.id),
      nodes.stopNode(home.id),
      nodes.startNode(home.id),
    ]);
    assert.equal((await nodes.counters()).nodes[0]?.running, true);
    const connection = await GatewayClient.connect(await wsPortOf(nodes, home), testIdentity());
    t.after(() => connection.close());
  });
});

describe('startNodes', IN_TIME, () => {
  it('says which port is in use, and leaves nothing running', async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const address = other.address();
    assert.ok(address !== null && typeof address === 'object');
    const busy = gatewaySpec(6, { wsPort: address.port });
    await rejectsWith('port-in-use', new RegExp(String(address.port)), () =>
      startNodes([...mixes, home, busy]),
    );
  });

  it('refuses nodes that cannot form a network', async () => {
    const { gateway, ...withoutGateway } = home;
    for (const [specs, message] of [
      [[mix1, { ...mix2, id: 1 }], /two nodes have the id 1/],
      [[mix1, { ...mix2, mixPort: mix1.mixPort }], /two nodes have the address 127.0.0.1:20001/],
      [[{ ...mix1, id: -1 }], /node id -1/],
      [[{ ...mix1, host: 'localhost' }], /not an IP address/],
      [[{ ...mix1, sphinxPrivateKey: new Uint8Array(31) }], /31 bytes; give 32/],
      [[{ ...mix1, gateway }], /give "gateway" to gateways/],
      [[withoutGateway], /give "gateway" to gateways/],
    ] as const) {
      await rejectsWith('bad-option', message, () => startNodes(specs));
    }
    await rejectsWith('bad-option', /0 threads/, () => startNodes(mixes, { threads: 0 }));
    await rejectsWith('bad-option', /loss is 2/, () => startNodes(mixes, { faults: { loss: 2 } }));
  });

  it('runs a network of no nodes', async () => {
    const nodes = await startNodes([]);
    assert.deepEqual((await nodes.counters()).nodes, []);
    await nodes.close();
  });
});

describe('running nodes', IN_TIME, () => {
  it('refuse ids, addresses and faults that do not exist', async (t) => {
    const nodes = await start(t, [mix1]);
    await rejectsWith('no-such-node', /id 9/, () => nodes.stopNode(9));
    await rejectsWith('no-such-node', /id 9/, () => nodes.startNode(9));
    await rejectsWith('no-such-node', /127.0.0.1:20002/, () => nodes.deliver(packetThrough([hopOf(mix2)])));
    await rejectsWith('bad-option', /duplication/, () => nodes.setFaults({ duplication: -1 }));
  });

  it('can be closed twice, and refuse everything afterwards', async () => {
    const nodes = await startNodes([mix1, home]);
    await Promise.all([nodes.close(), nodes.close()]);
    await nodes.close();
    await rejectsWith('closed', /closed/, () => nodes.counters());
    await rejectsWith('closed', /closed/, () => nodes.stopNode(1));
    await rejectsWith('closed', /closed/, () => nodes.setFaults({}));
  });
});
