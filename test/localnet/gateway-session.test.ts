import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { concat } from '../../src/localnet/gateway/bytes.js';
import type { GatewayClient } from '../support/gateway-client.js';
import {
  ACK_HOP,
  ACK_PACKET,
  ackHop,
  FIRST_MIX,
  messageHop,
  startTestGateway,
  testMessage,
} from '../support/test-gateway.js';

const IN_TIME = { timeout: 30_000 };
const PACKET = new Uint8Array(2413).fill(7);

async function claim(client: GatewayClient): Promise<number> {
  client.send({ type: 'claimFreeTestnetBandwidth' });
  return (await client.nextReply('bandwidth'))['available_total'] as number;
}

describe('a packet of a client', IN_TIME, () => {
  it('is passed on from frames of both versions, with its key rotation', async (t) => {
    const { registered, forwarded } = await startTestGateway(t);
    const client = await registered();
    await claim(client);
    client.forward(FIRST_MIX, PACKET);
    client.forward(FIRST_MIX, PACKET, 2);
    client.forward({ host: '2001:db8::1', port: 1 }, PACKET, 1);
    await client.drain();
    assert.deepEqual(forwarded, [
      { nextHop: FIRST_MIX, packetType: 0, keyRotation: 0, packet: PACKET },
      { nextHop: FIRST_MIX, packetType: 0, keyRotation: 2, packet: PACKET },
      { nextHop: { host: '2001:db8::1', port: 1 }, packetType: 0, keyRotation: 1, packet: PACKET },
    ]);
  });

  it('costs its length, which the reply takes off the balance', async (t) => {
    const { registered } = await startTestGateway(t);
    const client = await registered();
    const balance = await claim(client);
    assert.equal(balance, 64 * 2 ** 30);
    client.forward(FIRST_MIX, PACKET, 0);
    client.forward(FIRST_MIX, new Uint8Array(33133), 0);
    const left = [await client.nextReply('send'), await client.nextReply('send')];
    assert.deepEqual(
      left.map((reply) => reply['remaining_bandwidth']),
      [balance - 2413, balance - 2413 - 33133],
    );
  });

  it('is refused without bandwidth, and passed on after a claim', async (t) => {
    const { registered, forwarded } = await startTestGateway(t);
    const client = await registered();
    client.forward(FIRST_MIX, PACKET, 0);
    assert.deepEqual(await client.nextReply('typedError'), {
      type: 'typedError',
      error: { out_of_bandwidth: { required: 2413, available: 0 } },
    });
    assert.equal(forwarded.length, 0);
    await claim(client);
    client.forward(FIRST_MIX, PACKET, 0);
    await client.nextReply('send');
    assert.equal(forwarded.length, 1);
  });

  it('is refused once the day is over in which the bandwidth was claimed, and passed on after a new claim', async (t) => {
    const dayMs = 400;
    const { registered, forwarded, gateway } = await startTestGateway(t, { rules: { dayMs } });
    const client = await registered();
    // Right after the start of a day, so that the first packet is still in it.
    while (Date.now() % dayMs > 50) await setImmediate();
    await claim(client);
    client.forward(FIRST_MIX, PACKET);
    assert.equal((await client.nextReply('send'))['remaining_bandwidth'], 64 * 2 ** 30 - 2413);
    await setTimeout(dayMs);
    client.forward(FIRST_MIX, PACKET);
    assert.deepEqual(await client.nextReply('typedError'), {
      type: 'typedError',
      error: { out_of_bandwidth: { required: 2413, available: 0 } },
    });
    assert.equal(forwarded.length, 1);
    assert.equal(gateway.counters().outOfBandwidth, 1);
    assert.equal(await claim(client), 64 * 2 ** 30);
  });

  it('needs a credential at a gateway that gives no free bandwidth', async (t) => {
    const { registered, gateway } = await startTestGateway(t, { rules: { freeBandwidth: false } });
    const client = await registered();
    client.send({ type: 'claimFreeTestnetBandwidth' });
    assert.match(String((await client.nextReply('error'))['message']), /only accepting coconut credentials/);
    client.forward(FIRST_MIX, PACKET);
    await client.nextReply('typedError');
    client.send({ type: 'ecashCredential', enc_credential: [1], iv: [1] });
    assert.equal((await client.nextReply('bandwidth'))['available_total'], 64 * 2 ** 30);
    assert.equal(gateway.counters().claimsRefused, 1);
  });

  it('is dropped without an answer if its length, type, rotation or next hop is wrong', async (t) => {
    const { registered, forwarded, gateway } = await startTestGateway(t);
    const client = await registered();
    await claim(client);
    const hop = Uint8Array.of(4, 0, 1, 127, 0, 0, 1);
    const bodies = [
      new Uint8Array(0),
      Uint8Array.of(0),
      concat(Uint8Array.of(0, 0), hop, new Uint8Array(2412)),
      concat(Uint8Array.of(0, 0), hop, new Uint8Array(0)),
      concat(Uint8Array.of(2, 0), hop, new Uint8Array(2413)),
      concat(Uint8Array.of(0, 3), hop, new Uint8Array(2413)),
      concat(Uint8Array.of(0, 0, 5), hop.subarray(1), new Uint8Array(2413)),
      concat(Uint8Array.of(0, 0, 6, 0, 1)),
    ];
    for (const body of bodies) client.forwardRaw(body, true);
    assert.deepEqual(await client.drain(), []);
    assert.deepEqual(forwarded, []);
    assert.equal(gateway.counters().badPackets, bodies.length);
  });

  it('that the mixnet does not take disturbs nobody', async (t) => {
    const { registered, gateway } = await startTestGateway(t, {
      forward: () => {
        throw new Error('no mixnet');
      },
    });
    const client = await registered();
    await claim(client);
    client.forward(FIRST_MIX, PACKET, 0);
    await client.nextReply('send');
    gateway.finalHop(messageHop(client.identity, testMessage(1)));
    assert.deepEqual(await client.nextPush(), testMessage(1));
    assert.equal(gateway.counters().forwardFailures, 2);
  });
});

describe('what arrives for a client', IN_TIME, () => {
  it('is pushed to it, then the ack goes out as the packet came', async (t) => {
    const { registered, forwarded, gateway } = await startTestGateway(t);
    const client = await registered();
    gateway.finalHop(messageHop(client.identity, testMessage(1), 2));
    assert.deepEqual(await client.nextPush(), testMessage(1));
    assert.deepEqual(forwarded, [{ nextHop: ACK_HOP, packetType: 0, keyRotation: 2, packet: ACK_PACKET }]);
  });

  it('is pushed whole if it is an ack, and acks are not acked', async (t) => {
    const { registered, forwarded, gateway } = await startTestGateway(t);
    const client = await registered();
    const ack = new Uint8Array(21).fill(1);
    gateway.finalHop(ackHop(client.identity, ack));
    assert.deepEqual(await client.nextPush(), ack);
    assert.deepEqual(forwarded, []);
    assert.equal(gateway.counters().acksDelivered, 1);
  });

  it('is dropped whole if there is no ack in front of it', async (t) => {
    const { registered, forwarded, gateway } = await startTestGateway(t);
    const client = await registered();
    const hop = messageHop(client.identity, testMessage(1));
    const badAckHop = hop.payload.slice();
    badAckHop[0] = 5;
    gateway.finalHop({ ...hop, payload: hop.payload.subarray(0, 404) });
    gateway.finalHop({ ...hop, payload: badAckHop });
    gateway.finalHop({ ...hop, payload: new Uint8Array(0) });
    gateway.finalHop({ ...hop, destination: new Uint8Array(31) });
    assert.deepEqual(await client.drain(), []);
    assert.deepEqual(forwarded, []);
    assert.equal(gateway.counters().badFinalHops, 4);
  });

  it('is dropped without ack while the client does not read', async (t) => {
    const { registered, forwarded, gateway } = await startTestGateway(t, {
      limits: { sendBufferBytes: 100_000 },
    });
    const client = await registered();
    client.pause();
    const large = new Uint8Array(1024 * 1024);
    let pushed = 0;
    while (gateway.counters().slowClientDropped === 0) {
      assert(pushed < 1000, 'the gateway buffers without end');
      gateway.finalHop(messageHop(client.identity, large));
      pushed += 1;
      await setImmediate();
    }
    assert.equal(forwarded.length, pushed - 1);
    client.resume();
    for (let i = 0; i < pushed - 1; i += 1) assert.equal((await client.nextPush()).length, large.length);
    gateway.finalHop(messageHop(client.identity, testMessage(1)));
    assert.deepEqual(await client.nextPush(), testMessage(1));
  });
});

describe('the inbox of a client that is away', IN_TIME, () => {
  it('is pushed in order before the authenticate reply, its acks went out at once', async (t) => {
    const { registered, forwarded, gateway, connect } = await startTestGateway(t);
    const client = await registered();
    await client.close();
    for (let i = 0; i < 250; i += 1) gateway.finalHop(messageHop(client.identity, testMessage(i)));
    assert.equal(forwarded.length, 250);

    const back = await connect(client.identity);
    back.key = client.key;
    back.authenticateV2();
    for (let i = 0; i < 250; i += 1) assert.deepEqual(await back.nextPush(), testMessage(i));
    await back.nextReply('authenticate');
    gateway.finalHop(messageHop(client.identity, testMessage(250)));
    assert.deepEqual(await back.nextPush(), testMessage(250));
    assert.deepEqual(await back.drain(), []);
  });

  it('is kept for one that has not registered yet', async (t) => {
    const { connect, identityKey, returning, gateway } = await startTestGateway(t);
    const client = await connect();
    gateway.finalHop(messageHop(client.identity, testMessage(1)));
    await client.register(identityKey);
    await client.close();
    const back = await connect(client.identity);
    back.key = client.key;
    back.authenticateV2();
    assert.deepEqual(await back.nextPush(), testMessage(1));
    await back.nextReply('authenticate');
    await returning(back);
  });

  it('keeps the newest messages if there are too many', async (t) => {
    const { registered, connect, gateway } = await startTestGateway(t, { limits: { inboxMessages: 3 } });
    const client = await registered();
    await client.close();
    for (let i = 0; i < 5; i += 1) gateway.finalHop(messageHop(client.identity, testMessage(i)));
    const back = await connect(client.identity);
    back.key = client.key;
    back.authenticateV2();
    for (const i of [2, 3, 4]) assert.deepEqual(await back.nextPush(), testMessage(i));
    await back.nextReply('authenticate');
    assert.equal(gateway.counters().inboxDropped, 2);
  });

  it('holds no acks', async (t) => {
    const { registered, connect, gateway } = await startTestGateway(t);
    const client = await registered();
    await client.close();
    gateway.finalHop(ackHop(client.identity, new Uint8Array(21)));
    const back = await connect(client.identity);
    back.key = client.key;
    back.authenticateV2();
    await back.nextReply('authenticate');
    assert.equal(gateway.counters().acksDropped, 1);
  });
});

describe('encrypted requests', IN_TIME, () => {
  it('to forget a client end its registration, not its session', async (t) => {
    const { registered, connect } = await startTestGateway(t);
    const client = await registered();
    client.sendEncrypted({ ForgetMe: { client: true, stats: true } });
    assert.deepEqual(await client.nextEncrypted(), { ForgetMeAck: {} });
    await claim(client);
    client.forward(FIRST_MIX, PACKET, 0);
    await client.nextReply('send');

    const back = await connect(client.identity);
    back.key = client.key;
    back.authenticateV2();
    assert.equal((await back.nextReply('error'))['message'], 'the client is not registered');
  });

  it('to forget only statistics leave the registration', async (t) => {
    const { registered, returning } = await startTestGateway(t);
    const client = await registered();
    client.sendEncrypted({ ForgetMe: { client: false, stats: true } });
    assert.deepEqual(await client.nextEncrypted(), { ForgetMeAck: {} });
    await returning(client);
  });

  it('to remember a client are acknowledged', async (t) => {
    const { registered } = await startTestGateway(t);
    const client = await registered();
    client.sendEncrypted({ RememberMe: { session_type: 'Wasm' } });
    assert.deepEqual(await client.nextEncrypted(), { RememberMeAck: {} });
  });

  it('of another kind change nothing', async (t) => {
    const { registered, gateway } = await startTestGateway(t);
    const client = await registered();
    client.sendEncrypted({ UpgradeKey: { hkdf_salt: [1], derived_key_digest: [...new Uint8Array(32)] } });
    assert.deepEqual(await client.drain(), []);
    client.sendEncrypted({ RememberMe: {} });
    assert.deepEqual(await client.nextEncrypted(), { RememberMeAck: {} });
    assert.equal(gateway.counters().badFrames, 1);
  });
});
