import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { parseArgs } from 'node:util';

import { NymProxyClient, NymProxyServer } from '../src/node/index.js';
import { findNetwork } from './network.js';
import { runExample } from './run-example.js';

/** What the examples of other programs' clients can be told. */
interface ClientOptions {
  readonly envPath: string | undefined;
  readonly upstream: string | undefined;
}

const USAGE = `Options:
  -e, --env-path <file>  Nym env file of the network to use (default: a localnet of the example's own)
  -u, --upstream <addr>  the service as host:port (default: a stand-in of the example's own)
  -h, --help             show this help`;

/**
 * Runs an example: a network, a server in front of the service, and a client of it without a port.
 *
 * @param startStandIn starts what is reached if no service is given.
 */
export async function runClientExample(
  startStandIn: () => Server,
  use: (client: NymProxyClient, isStandIn: boolean) => Promise<void>,
): Promise<void> {
  process.exitCode = await runExample(readOptions, async ({ envPath, upstream }, signal) => {
    await using network = await findNetwork(envPath);
    const standIn = upstream === undefined ? startStandIn().listen(0, '127.0.0.1') : undefined;
    if (standIn) await once(standIn, 'listening');
    const port = standIn ? (standIn.address() as AddressInfo).port : 0;
    const common = { env: network.envPath, traffic: network.traffic, signal };
    try {
      await using server = await NymProxyServer.create({
        ...common,
        upstream: upstream ?? `127.0.0.1:${port}`,
      });
      const serving = server.run({ signal });
      await using client = await NymProxyClient.create({
        ...common,
        serverAddress: server.nymAddress,
        clients: 'shared',
      });
      await Promise.race([use(client, standIn !== undefined), serving]);
      signal.throwIfAborted();
    } finally {
      standIn?.close();
    }
  });
}

function readOptions(): ClientOptions | undefined {
  const { values } = parseArgs({
    options: {
      'env-path': { type: 'string', short: 'e' },
      upstream: { type: 'string', short: 'u' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return undefined;
  }
  return { envPath: values['env-path'], upstream: values.upstream };
}
