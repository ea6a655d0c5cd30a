/**
 * The script of the test page: mixnet clients under names, and what a test does with them from outside.
 *
 * @module
 */
import type { MixnetClient } from '../../../src/mixnet/client.js';
import { MixnetClientError } from '../../../src/mixnet/errors.js';
import { forgetIdentity, startMixnetClient, type StartOptions } from '../../../src/mixnet/browser/index.js';

const clients = new Map<string, MixnetClient>();

function client(name: string): MixnetClient {
  const found = clients.get(name);
  if (!found) throw new Error(`There is no client ${name}.`);
  return found;
}

/** How a call ended; the classes of errors would be lost on the way out of the page. */
type Outcome = { readonly address: string } | { readonly code: string; readonly message: string };

const testPage = {
  /** Starts a client without decoys. */
  async start(name: string, apiUrl: string, options: Partial<StartOptions> = {}): Promise<Outcome> {
    const network = { name: 'localnet', apiUrl };
    try {
      const started = await startMixnetClient({
        network,
        traffic: 'fast',
        startTimeoutMs: 30_000,
        ...options,
      });
      clients.set(name, started);
      return { address: started.address };
    } catch (error) {
      if (!(error instanceof MixnetClientError)) throw error;
      return { code: error.code, message: error.message };
    }
  },

  /** Sends an anonymous message from one client to another, has it answered, and returns what arrived at both. */
  async exchange(from: string, to: string, question: string, answer: string): Promise<[string, string]> {
    const asked = nextMessage(client(to));
    const answered = nextMessage(client(from));
    await client(from).send(client(to).address, new TextEncoder().encode(question), 5);
    const { payload, senderTag } = await asked;
    if (senderTag === undefined) throw new Error('The message is not anonymous.');
    await client(to).reply(senderTag, new TextEncoder().encode(answer));
    await client(from).flush(5_000);
    return [new TextDecoder().decode(payload), new TextDecoder().decode((await answered).payload)];
  },

  /** Settles with the reason once the client is lost. */
  lost(name: string): Promise<string> {
    const watched = client(name);
    const reason = () => watched.lostReason?.message ?? 'no reason';
    if (watched.state === 'lost') return Promise.resolve(reason());
    return new Promise((resolve) => {
      watched.on('state', (state) => {
        if (state === 'lost') resolve(reason());
      });
    });
  },

  close: (name: string): Promise<void> => client(name).close(),

  forget: (clientId: string): Promise<void> => forgetIdentity(clientId),

  databases,

  /** Settles once there is no such database; nothing tells of it, so it looks again and again. */
  async databaseGone(name: string): Promise<void> {
    while ((await databases()).includes(name)) await new Promise((resolve) => setTimeout(resolve, 20));
  },
};

export type TestPage = typeof testPage;

declare global {
  var testPage: TestPage;
}
globalThis.testPage = testPage;

async function databases(): Promise<string[]> {
  return (await indexedDB.databases()).flatMap(({ name }) => name ?? []).sort();
}

function nextMessage(of: MixnetClient) {
  return new Promise<{ payload: Uint8Array; senderTag: string | undefined }>((resolve) => {
    const remove = of.on('message', (message) => {
      remove();
      resolve(message);
    });
  });
}
