import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';

import {
  startLocalnet,
  type Localnet,
  type LocalnetGateway,
  type LocalnetOptions,
} from '../../src/localnet/index.js';
import type { MixnetClient, MixnetMessage } from '../../src/mixnet/client.js';
import { startMixnetClient, type StartOptions } from '../../src/mixnet/node/start.js';

/** The official client has been seen to hang (gateway.md section 10), so every test with it has an end. */
export const limit = { timeout: 60_000 };

/** A localnet for the tests of one `describe`, and clients that are closed after each test. */
export interface LocalnetClients {
  readonly net: Localnet;
  /** Starts a client on the localnet, without decoys unless told otherwise. */
  start(options?: Partial<StartOptions>): Promise<MixnetClient>;
  gatewayOf(client: MixnetClient): LocalnetGateway;
}

/** To be called within a `describe`. */
export function withLocalnet(options: LocalnetOptions = {}): LocalnetClients {
  let net: Localnet | undefined;
  let clients: MixnetClient[] = [];
  const running = () => {
    assert.ok(net, 'the localnet does not run');
    return net;
  };
  before(async () => {
    net = await startLocalnet(options);
  });
  after(() => net?.close());
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    clients = [];
  });
  return {
    get net() {
      return running();
    },
    async start(options = {}) {
      const network = { name: 'localnet', apiUrl: running().apiUrl };
      const client = await startMixnetClient({
        network,
        traffic: 'fast',
        startTimeoutMs: 30_000,
        ...options,
      });
      clients.push(client);
      return client;
    },
    gatewayOf(client) {
      const gateway = running().gateways.find(({ identity }) => client.address.endsWith(`@${identity}`));
      assert.ok(gateway);
      return gateway;
    },
  };
}

/** The next message that the client gets. */
export function nextMessage(client: MixnetClient): Promise<MixnetMessage> {
  return new Promise((resolve) => {
    const remove = client.on('message', (message) => {
      remove();
      resolve(message);
    });
  });
}

/** Settles when the client is lost. */
export function lost(client: MixnetClient): Promise<void> {
  return new Promise((resolve) => {
    client.on('state', (state) => {
      if (state === 'lost') resolve();
    });
  });
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
