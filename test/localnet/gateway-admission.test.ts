import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Gateway } from '../../src/localnet/gateway/gateway.js';
import { listen } from '../../src/localnet/listen.js';
import { GatewayClient, nowS, testIdentity } from '../support/gateway-client.js';
import { messageHop, startTestGateway, testMessage } from '../support/test-gateway.js';

const IN_TIME = { timeout: 30_000 };

describe('registration at a gateway', IN_TIME, () => {
  it('gives a client a key with which it then authenticates', async (t) => {
    const { registered, returning, gateway } = await startTestGateway(t);
    const client = await registered();
    await client.close();
    const back = await returning(client);
    assert.deepEqual(await back.drain(), []);
    const { registrations, authentications, connections } = gateway.counters();
    assert.deepEqual(
      { registrations, authentications, connections },
      {
        registrations: 1,
        authentications: 1,
        connections: 1,
      },
    );
  });

  it('says protocol 6, and repeats the version of the client', async (t) => {
    const { connect, identityKey } = await startTestGateway(t);
    for (const version of [3, 5, null]) {
      const client = await connect();
      client.send({ type: 'supportedProtocol' });
      assert.equal((await client.nextReply('supportedProtocol'))['version'], 6);
      assert.deepEqual(await client.register(identityKey, version), {
        type: 'register',
        protocol_version: version,
        status: true,
        upgrade_mode: false,
      });
    }
  });

  it('keeps the bandwidth of a client that registers again, with its new key', async (t) => {
    const { registered, connect, identityKey } = await startTestGateway(t);
    const first = await registered();
    first.send({ type: 'claimFreeTestnetBandwidth' });
    await first.nextReply('bandwidth');
    const second = await connect(first.identity);
    await second.register(identityKey);
    await second.close();

    const back = await GatewayClient.connect(first.port, second.identity, second.key);
    back.authenticateV2();
    assert.equal((await back.nextReply('authenticate'))['bandwidth_remaining'], 64 * 2 ** 30);
  });

  it('fails with a handshake error if a message is wrong', async (t) => {
    const { connect } = await startTestGateway(t);
    const payloads = [new Uint8Array(81), new Uint8Array(80), new Uint8Array(64).fill(9), new Uint8Array(0)];
    for (const data of payloads) {
      const client = await connect();
      client.send({ type: 'handshakePayload', protocol_version: 3, data: [...data] });
      assert.equal(typeof (await client.nextReply('handshakeError'))['message'], 'string');
      await client.closed;
    }
  });

  it('fails with a handshake error if the client cannot prove its identity', async (t) => {
    const { connect, gateway } = await startTestGateway(t);
    const client = await connect();
    const hello = [...client.identity.publicKey, ...new Uint8Array(32).fill(9), ...new Uint8Array(16)];
    client.send({ type: 'handshakePayload', protocol_version: 3, data: hello });
    await client.nextReply('handshakePayload');
    client.send({ type: 'handshakePayload', protocol_version: 3, data: [...new Uint8Array(92)] });
    await client.nextReply('handshakeError');
    await client.closed;
    assert.equal(gateway.counters().registrations, 0);
  });
});

describe('authentication at a gateway', IN_TIME, () => {
  it('lets a registered client in, and repeats its version', async (t) => {
    const { registered } = await startTestGateway(t);
    const { port, identity, key } = await registered();
    for (const protocolVersion of [4, 5, 6]) {
      const client = await GatewayClient.connect(port, identity, key);
      client.authenticateV2({ protocolVersion });
      assert.deepEqual(await client.nextReply('authenticate'), {
        type: 'authenticate',
        protocol_version: protocolVersion,
        status: true,
        bandwidth_remaining: 0,
        upgrade_mode: false,
      });
    }
  });

  it('tells a client to send its key rotation along, where the gateway wants that', async (t) => {
    const { registered } = await startTestGateway(t, { rules: { frames: 'v2' } });
    const { port, identity, key } = await registered();
    for (const [protocolVersion, answered] of [
      [4, 5],
      [6, 6],
    ] as const) {
      const client = await GatewayClient.connect(port, identity, key);
      client.authenticateV2({ protocolVersion });
      assert.equal((await client.nextReply('authenticate'))['protocol_version'], answered);
    }
  });

  it('of version 1 is given up', async (t) => {
    const { registered, connect } = await startTestGateway(t);
    const { identity } = await registered();
    const client = await connect(identity);
    client.send({ type: 'authenticate', protocol_version: 3, address: '1', enc_address: '1', iv: '1' });
    assert.match(String((await client.nextReply('error'))['message']), /Only 'Register' or 'Authenticate'/);
    await client.closed;
  });

  it('of version 2 tells a stranger that it is not registered', async (t) => {
    const { connect } = await startTestGateway(t);
    const client = await connect();
    client.key = new Uint8Array(32);
    client.authenticateV2();
    assert.equal((await client.nextReply('error'))['message'], 'the client is not registered');
    await client.closed;
  });

  it('of version 2 refuses a wrong key, a wrong signature and a wrong clock', async (t) => {
    const { connect, registered } = await startTestGateway(t);
    const { identity, key } = await registered();
    const attempts: [RegExp, (client: GatewayClient) => void][] = [
      [
        /shared key/,
        (client) => {
          client.key = new Uint8Array(32);
          client.authenticateV2();
        },
      ],
      [/signature/, (client) => client.authenticateV2({ signer: testIdentity() })],
      [/skewed/, (client) => client.authenticateV2({ timestamp: nowS() - 180 })],
      [/skewed/, (client) => client.authenticateV2({ timestamp: nowS() + 180 })],
    ];
    for (const [reason, attempt] of attempts) {
      const client = await connect(identity);
      client.key = key;
      attempt(client);
      assert.match(String((await client.nextReply('error'))['message']), reason);
      await client.closed;
    }
  });

  it('of version 2 accepts no timestamp again, and none that is older', async (t) => {
    const { registered } = await startTestGateway(t);
    const { port, identity, key } = await registered();
    const timestamp = nowS();
    const answers: unknown[] = [];
    for (const later of [0, 0, -1, 1]) {
      const client = await GatewayClient.connect(port, identity, key);
      client.authenticateV2({ timestamp: timestamp + later });
      const answer = await client.next();
      answers.push(answer instanceof Uint8Array ? answer : (answer['message'] ?? answer['type']));
    }
    const refused = 'the provided request timestamp is smaller or equal to one previously used';
    assert.deepEqual(answers, ['authenticate', refused, refused, 'authenticate']);
  });

  it('ends the older connection of the same client, to which nothing goes any more', async (t) => {
    const { registered, returning, gateway } = await startTestGateway(t);
    const first = await returning(await registered());
    const second = await returning(first);
    gateway.finalHop(messageHop(second.identity, testMessage(1)));
    assert.deepEqual(await second.nextPush(), testMessage(1));
    await first.closed;
    await assert.rejects(first.next());

    gateway.finalHop(messageHop(second.identity, testMessage(2)));
    assert.deepEqual(await second.nextPush(), testMessage(2));
  });
});

describe('a connection that is not authenticated', IN_TIME, () => {
  it('ends with an error after anything else than registration and authentication', async (t) => {
    const { connect } = await startTestGateway(t);
    const frames = ['', '{', 'null', '[]', '{"type":"error"}', '{"type":"claimFreeTestnetBandwidth"}'];
    for (const frame of frames) {
      const client = await connect();
      client.sendRaw(frame);
      assert.match(String((await client.nextReply('error'))['message']), /Only 'Register' or 'Authenticate'/);
      await client.closed;
    }
    const client = await connect();
    client.sendRaw(new Uint8Array(100));
    assert.match(String((await client.nextReply('error'))['message']), /without prior authentication/);
    await client.closed;
  });

  it('ends with an error if nothing comes in time', async (t) => {
    const { connect } = await startTestGateway(t, { limits: { initialMessageMs: 20 } });
    const client = await connect();
    assert.equal((await client.nextReply('error'))['message'], 'timed out while waiting for initial data');
    await client.closed;
  });

  it('ends with a handshake error if a handshake is not finished in time', async (t) => {
    const { connect } = await startTestGateway(t, { limits: { handshakeMessageMs: 20 } });
    const client = await connect();
    const hello = [...client.identity.publicKey, ...new Uint8Array(32).fill(9), ...new Uint8Array(16)];
    client.send({ type: 'handshakePayload', protocol_version: 3, data: hello });
    await client.nextReply('handshakePayload');
    assert.match(String((await client.nextReply('handshakeError'))['message']), /timed out/);
    await client.closed;
  });

  it('ends after too many questions', async (t) => {
    const { connect } = await startTestGateway(t, { limits: { initialMessages: 3 } });
    const client = await connect();
    for (let i = 0; i < 4; i += 1) client.send({ type: 'supportedProtocol' });
    for (let i = 0; i < 3; i += 1) await client.nextReply('supportedProtocol');
    await client.nextReply('error');
    await client.closed;
  });
});

describe('a gateway', IN_TIME, () => {
  it('says which port is in use', async (t) => {
    const taken = createServer();
    await listen(taken, '127.0.0.1', 0, 'a test');
    t.after(() => taken.close());
    const address = taken.address();
    assert(typeof address === 'object' && address !== null);
    const start = Gateway.start(
      { identitySeed: new Uint8Array(32), host: '127.0.0.1', wsPort: address.port },
      () => undefined,
    );
    await assert.rejects(start, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'port-in-use');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${address.port}`));
      return true;
    });
  });

  it('takes no more connections than it may', async (t) => {
    const { connect, gateway } = await startTestGateway(t, { limits: { connections: 2 } });
    const [first] = [await connect(), await connect()];
    await assert.rejects(connect());
    await first.close();
    while (gateway.counters().connections > 1) await setImmediate();
    await connect();
  });

  it('ends open connections when it closes, and closes only once', async (t) => {
    const { registered, gateway } = await startTestGateway(t);
    const client = await registered();
    await Promise.all([gateway.close(), gateway.close()]);
    assert.equal(await client.closed, 1001);
  });
});
