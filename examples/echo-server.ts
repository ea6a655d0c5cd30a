import { NymProxyServer } from '../src/node/index.js';
import { startEchoUpstream } from './echo-upstream.js';
import type { ExampleNetwork } from './network.js';
import type { ProxyOptions } from './proxy-options.js';

/** A proxy server whose upstream echoes. */
export interface EchoServer extends AsyncDisposable {
  readonly nymAddress: string;
  /** Rejects if the server breaks down. */
  readonly serving: Promise<void>;
}

/**
 * The server that the options name, or one of the example's own.
 *
 * @param onEcho told how many bytes a server of the example's own sends back.
 */
export async function findEchoServer(
  network: ExampleNetwork,
  options: ProxyOptions,
  signal: AbortSignal,
  onEcho?: (bytes: number) => void,
): Promise<EchoServer> {
  if (options.serverAddress !== undefined) {
    return {
      nymAddress: options.serverAddress,
      serving: new Promise(() => undefined),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const upstream = await startEchoUpstream(onEcho);
  try {
    const server = await NymProxyServer.create({
      upstream: upstream.address,
      env: network.envPath,
      traffic: network.traffic,
      signal,
    });
    const serving = server.run({ signal });
    // Whoever awaits `serving` hears of it; until then it is no unhandled rejection.
    serving.catch(() => undefined);
    return {
      nymAddress: server.nymAddress,
      serving,
      [Symbol.asyncDispose]: async () => {
        await server.close();
        await upstream[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await upstream[Symbol.asyncDispose]();
    throw error;
  }
}
