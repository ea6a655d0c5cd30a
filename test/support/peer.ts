/**
 * A process with a server or some clients in it, which its parent commands. See {@link PeerProcess}.
 *
 * @module
 */
import { NymProxyClient } from '../../src/node/proxy-client.js';
import { NymProxyServer } from '../../src/node/proxy-server.js';
import { SessionError } from '../../src/session/errors.js';
import type { PeerAnswer, PeerRequest, PeerReset } from './peer-protocol.js';
import { takeSample } from './sample.js';

const SERVER = 'server';
const peers = new Map<string, NymProxyClient | NymProxyServer>();

process.on('message', (message: PeerRequest & { readonly id: number }) => void answer(message));
process.on('disconnect', () => process.exit());

async function answer({ id, ...request }: PeerRequest & { readonly id: number }): Promise<void> {
  try {
    tell({ id, value: await obey(request) });
  } catch (error) {
    tell({ id, error: String(error) });
  }
}

async function obey(request: PeerRequest): Promise<unknown> {
  switch (request.kind) {
    case 'server': {
      const server = await NymProxyServer.create(request.options);
      server.on('error', (end) => tellReset(SERVER, end.error));
      peers.set(SERVER, server);
      void server.run();
      return server.nymAddress;
    }
    case 'client': {
      const client = await NymProxyClient.create(request.options);
      client.on('error', (end) => tellReset(request.name, end.error));
      peers.set(request.name, client);
      return client.listenAddress.port;
    }
    case 'close':
      await peers.get(request.name)?.close();
      peers.delete(request.name);
      return undefined;
    case 'sample':
      return takeSample([...peers.values()].reduce((sum, { counts }) => sum + counts.sessionsOpen, 0));
  }
}

function tellReset(name: string, error: Error): void {
  tell({ name, code: error instanceof SessionError ? error.code : 'other' });
}

function tell(message: PeerAnswer | PeerReset): void {
  process.send?.(message);
}
