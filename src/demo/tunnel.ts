import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { writeEnvFile } from '../localnet/env-file.js';
import { LocalnetError, startLocalnet, type Localnet } from '../localnet/index.js';
import { startDemoUpstream, type DemoUpstream } from './upstream.js';
import { NymProxyClient, NymProxyServer } from '../node/index.js';
import { CommandError } from '../node/cli/failure.js';
import type { DemoOptions } from './options.js';

/** What {@link startTunnel} is to start. */
export interface TunnelOptions extends Pick<
  DemoOptions,
  'upstream' | 'traffic' | 'sharedClient' | 'loss' | 'duplication' | 'envFile'
> {
  readonly listenPort: number;
  readonly directoryPort: number;
  /** Whether no other port will do, should it be in use. */
  readonly directoryPortFixed: boolean;
  /** Told of a node of the network that died by a fault of its own. */
  readonly onFailure: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** A whole way through a mixnet, on this machine. */
export interface Tunnel {
  readonly localnet: Localnet;
  readonly server: NymProxyServer;
  readonly client: NymProxyClient;
  /** `host:port` of what is at the other end. */
  readonly upstream: string;
  /** Never rejects. */
  close(): Promise<void>;
}

/** Tells somebody that `what` begins, does it, and tells how long it took. */
export type Step = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/**
 * Starts network, upstream, server and client.
 *
 * @throws {CommandError} if the directory's port is in use, or the env file cannot be written.
 * @throws what {@link NymProxyServer.create} and {@link NymProxyClient.create} throw. Nothing is left running then.
 */
export async function startTunnel(options: TunnelOptions, step: Step): Promise<Tunnel> {
  const { traffic, listenPort, signal } = options;
  let localnet: Localnet | undefined;
  let demo: DemoUpstream | undefined;
  let server: NymProxyServer | undefined;
  let client: NymProxyClient | undefined;
  const close = async () => {
    await Promise.all([client?.close(), server?.close()]);
    await Promise.all([localnet?.close(), demo?.close()]);
  };
  const temporary =
    options.envFile === undefined ? await mkdtemp(join(tmpdir(), 'nym-proxy-demo-')) : undefined;
  try {
    localnet = await step('network: directory, 2 gateways, 6 mix nodes', () => startNetwork(options));
    const env = options.envFile ?? join(temporary ?? '', 'localnet.env');
    await writeEnvFile(env, localnet.envFile());
    signal.throwIfAborted();

    if (options.upstream === undefined) demo = await step('upstream: demo pages', startDemoUpstream);
    const upstream = demo?.address ?? options.upstream ?? '';
    server = await step('server: a mixnet client, registered with a gateway', () =>
      NymProxyServer.create({ upstream, env, traffic, signal }),
    );
    const { nymAddress: serverAddress } = server;
    const clients = options.sharedClient ? 'shared' : 'per-connection';
    client = await step('client: the same, and a port that listens', () =>
      NymProxyClient.create({ serverAddress, listenPort, clients, env, traffic, signal }),
    );
    return { localnet, server, client, upstream, close };
  } catch (error) {
    await close();
    throw forUser(error);
  } finally {
    // Server and client have read it.
    if (temporary !== undefined) await rm(temporary, { recursive: true });
  }
}

async function startNetwork(options: TunnelOptions): Promise<Localnet> {
  const { directoryPort, directoryPortFixed, loss, duplication, onFailure } = options;
  const start = (port: number) =>
    startLocalnet({ port, faults: { loss, duplication }, onFailure: (error) => onFailure(forUser(error)) });
  try {
    return await start(directoryPort);
  } catch (error) {
    const taken = error instanceof LocalnetError && error.code === 'port-in-use';
    if (!taken || directoryPortFixed) throw error;
    return start(0);
  }
}

/** What is wrong with the network is told to the user like all that the user can mend. */
function forUser(error: unknown): unknown {
  return error instanceof LocalnetError ? new CommandError(error.message, { cause: error }) : error;
}
