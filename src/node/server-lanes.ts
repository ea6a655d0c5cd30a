import { join } from 'node:path';

import type { MixnetClient } from '../mixnet/client.js';
import { useInSuccession, type StartClient } from '../mixnet/succession.js';
import type { SessionServer } from '../proxy/server.js';
import type { ProxyEvents } from '../proxy/session-report.js';
import { Tasks } from '../proxy/tasks.js';
import { SessionError } from '../session/errors.js';
import { clientStarter, type MixnetOptions } from './mixnet-options.js';

/** How a server's further mixnet clients are started. */
export interface ServerLanesOptions extends MixnetOptions {
  /** How many. */
  readonly count: number;
  /** The server's; each has a directory of its own in it. Without it their Nym addresses are new each time. */
  readonly configDir?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What they are used with. */
export interface ServerLanesUse {
  readonly sessions: SessionServer;
  readonly signal: AbortSignal;
  readonly onRetry: (retry: ProxyEvents['retry']) => void;
  readonly onRecovery: (recovery: ProxyEvents['recovery']) => void;
}

interface ServerLane {
  readonly start: StartClient;
  client: MixnetClient;
}

/**
 * The mixnet clients of a server besides the one that everybody knows, over which connections with several lanes come too.
 */
export class ServerLanes {
  readonly #lanes: readonly ServerLane[];
  readonly #keepAddresses: boolean;
  readonly #running = new Tasks();

  private constructor(lanes: readonly ServerLane[], keepAddresses: boolean) {
    this.#lanes = lanes;
    this.#keepAddresses = keepAddresses;
  }

  /** @throws {MixnetClientError} if one of them does not start. */
  static async start(options: ServerLanesOptions): Promise<ServerLanes> {
    const { count, configDir, signal } = options;
    const starting = Array.from({ length: count }, async (_, index) => {
      const start = await starterOf(options, index + 1);
      return { start, client: await start(signal) };
    });
    const started = await Promise.allSettled(starting);
    const lanes = started.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const failed = started.find((one) => one.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all(lanes.map(({ client }) => client.close()));
      throw failed.reason;
    }
    return new ServerLanes(lanes, configDir !== undefined);
  }

  /** Those of now. */
  get clients(): readonly MixnetClient[] {
    return this.#lanes.map(({ client }) => client);
  }

  /** Takes sessions over them until the signal aborts, each replaced when it is lost. */
  serve(use: ServerLanesUse): void {
    this.#lanes.forEach((lane, index) => this.#running.add(this.#serveLane(lane, index + 1, use)));
  }

  /** To be called when the signal has aborted. Never rejects. */
  async close(): Promise<void> {
    await this.#running.ended();
    await Promise.all(this.clients.map((client) => client.close()));
  }

  async #serveLane(lane: ServerLane, number: number, use: ServerLanesUse): Promise<void> {
    const { sessions, signal, onRetry, onRecovery } = use;
    await useInSuccession({
      client: lane.client,
      start: lane.start,
      use: async (client) => {
        lane.client = client;
        await sessions.serve(client, signal, number);
        if (signal.aborted || this.#keepAddresses) return;
        const cause = client.lostReason;
        await sessions.leave(number, new SessionError('lost', 'us', undefined, { cause }));
      },
      onRetry: (error, retryMs) => onRetry({ error, retryMs }),
      onRecovery: (outageMs) => onRecovery({ outageMs }),
      signal,
    });
  }
}

function starterOf(options: ServerLanesOptions, number: number): Promise<StartClient> {
  const { configDir, passphrase } = options;
  if (configDir === undefined) return clientStarter(options, 'ephemeral');
  return clientStarter(options, { configDir: join(configDir, `lane-${number}`), passphrase });
}
