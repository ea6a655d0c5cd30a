import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { GatewayClient } from '../support/gateway-client.js';
import { messageHop, startTestGateway, testMessage } from '../support/test-gateway.js';

const IN_TIME = { timeout: 60_000 };
const RUNS = { numRuns: 300 };

/** What the official client takes after authentication without going deaf (gateway.md section 8). */
const HARMLESS = new Set(['supportedProtocol', 'bandwidth', 'send', 'encryptedResponse']);

const requestTypes = fc.constantFrom(
  'supportedProtocol',
  'handshakePayload',
  'registerHandshakeInitRequest',
  'authenticate',
  'authenticateV2',
  'claimFreeTestnetBandwidth',
  'ecashCredential',
  'bandwidthCredential',
  'encryptedRequest',
  'error',
);
const byteLists = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 100 }),
  fc.array(fc.oneof(fc.integer(), fc.double(), fc.string()), { maxLength: 5 }),
  fc.constantFrom(32, 64, 80, 12).map((length) => Array<number>(length).fill(1)),
);
const values = fc.oneof(
  byteLists,
  fc.string(),
  fc.base64String(),
  fc.integer(),
  fc.constant(null),
  fc.object(),
);
/** Messages that look like those of clients, but are wrong somewhere. */
const requests = fc
  .record(
    {
      type: fc.oneof(requestTypes, fc.string()),
      protocol_version: values,
      protocolVersion: fc.oneof(values, fc.constant(4)),
      data: values,
      address: values,
      enc_address: values,
      iv: values,
      clientIdentity: values,
      addressCiphertext: values,
      nonce: values,
      requestUnixTimestamp: fc.oneof(values, fc.integer({ min: 0 })),
      requestSignature: values,
      ciphertext: values,
    },
    { requiredKeys: ['type'] },
  )
  .map((message) => JSON.stringify(message));
const frames: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  requests,
  fc.json(),
  fc.string(),
  fc.uint8Array({ maxLength: 3000 }),
);

function assertHarmless(answers: Awaited<ReturnType<GatewayClient['drain']>>): void {
  for (const answer of answers) {
    assert(!(answer instanceof Uint8Array) && HARMLESS.has(String(answer['type'])), JSON.stringify(answer));
  }
}

describe('whatever a client sends', IN_TIME, () => {
  it('after authentication is answered with nothing that deafens it', async (t) => {
    const { registered, returning, gateway } = await startTestGateway(t);
    const client = await returning(await registered());
    await fc.assert(
      fc.asyncProperty(frames, async (frame) => {
        client.sendRaw(frame);
        assertHarmless(await client.drain());
      }),
      RUNS,
    );
    gateway.finalHop(messageHop(client.identity, testMessage(1)));
    assert.deepEqual(await client.nextPush(), testMessage(1));
    assert.equal(gateway.counters().internalErrors, 0);
  });

  it('in authentic frames and requests is answered with nothing that deafens it', async (t) => {
    const { registered, gateway } = await startTestGateway(t);
    const client = await registered();
    client.send({ type: 'claimFreeTestnetBandwidth' });
    await client.nextReply('bandwidth');
    const inner = fc.record(
      { ForgetMe: values, RememberMe: values, UpgradeKey: values },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.boolean(), inner, async (body, v2, request) => {
        client.forwardRaw(body, v2);
        client.sendEncrypted(request);
        assertHarmless(await client.drain());
      }),
      RUNS,
    );
    gateway.finalHop(messageHop(client.identity, testMessage(1)));
    assert.deepEqual(await client.nextPush(), testMessage(1));
    assert.equal(gateway.counters().internalErrors, 0);
  });

  it('before authentication leaves the gateway alive for others', async (t) => {
    const { connect, registered, gateway } = await startTestGateway(t);
    await fc.assert(
      fc.asyncProperty(fc.array(frames, { minLength: 1, maxLength: 3 }), async (all) => {
        const client = await connect();
        for (const frame of all) client.sendRaw(frame);
        await client.close();
      }),
      { numRuns: 150 },
    );
    const client = await registered();
    gateway.finalHop(messageHop(client.identity, testMessage(1)));
    assert.deepEqual(await client.nextPush(), testMessage(1));
    assert.equal(gateway.counters().internalErrors, 0);
  });

  it('in bytes that are no WebSocket leaves the gateway alive for others', async (t) => {
    const { registered, gateway } = await startTestGateway(t);
    const victim = await registered();
    for (const garbage of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\0\xff'.repeat(100), '\r\n\r\n']) {
      const socket = connectTcp(gateway.wsPort, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.end(garbage, 'latin1');
      await once(socket, 'close');
    }
    gateway.finalHop(messageHop(victim.identity, testMessage(1)));
    assert.deepEqual(await victim.nextPush(), testMessage(1));
  });

  it('in a message beyond the size limit ends that connection only', async (t) => {
    const { registered, gateway } = await startTestGateway(t);
    const [client, other] = [await registered(), await registered()];
    client.sendRaw(new Uint8Array(1024 * 1024));
    assert.equal(await client.closed, 1009);
    gateway.finalHop(messageHop(other.identity, testMessage(1)));
    assert.deepEqual(await other.nextPush(), testMessage(1));
  });
});

describe('whatever a packet carries', IN_TIME, () => {
  it('does not throw, and deafens nobody', async (t) => {
    const { registered, gateway } = await startTestGateway(t);
    const client = await registered();
    const destinations = fc.oneof(
      fc.constant(client.identity.publicKey),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 40 }),
    );
    const hops = fc.record({
      destination: destinations,
      payload: fc.uint8Array({ maxLength: 2100 }),
      packetSize: fc.constantFrom(386, 2413, 33133),
      packetType: fc.nat(255),
      keyRotation: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(hops, async (hop) => {
        gateway.finalHop(hop);
        for (const frame of await client.drain()) assert(frame instanceof Uint8Array);
      }),
      RUNS,
    );
    assert.equal(gateway.counters().internalErrors, 0);
  });
});
