import { OptionError } from '../basics/options-check.js';
import type { DebugWasmOverride } from '../../wasm/client.js';

/**
 * How much a mixnet client hides of its own traffic, and what that costs. All profiles encrypt alike and mix every
 * packet on its way; they differ in what somebody sees who watches the line between the client and its gateway.
 *
 * - `default`: one 2 KB packet every 20 ms on average, a real one or a decoy, and decoys to itself besides. The watcher
 *   learns that Nym is in use and nothing about when or how much. Carries up to about 80 kB/s; an idle client takes
 *   about a third of a core.
 * - `bulk`: the same stream of packets and decoys, but what does not fit into one 2 KB packet goes in packets of 32 KB.
 *   Such packets are rarer in the network, so they hide among fewer: the watcher, and each mix node, may guess that
 *   bulk data passes. Decoys come in both sizes, so an idle client sends about six times as many bytes. Carries up to
 *   about 1.6 MB/s.
 * - `fast`: no decoys and no waiting; packets leave as soon as they are built. The watcher sees exactly when and how
 *   much the client talks, and one who watches both ends can match them. For tests, or when only the content and the
 *   network address need to stay private.
 */
export const TRAFFIC_PROFILES = ['default', 'bulk', 'fast'] as const;

export type TrafficProfile = (typeof TRAFFIC_PROFILES)[number];

/**
 * SURBs of each peer that our clients keep back, usable only to ask the peer for more. Without any, a replier that has
 * spent its last SURB can never ask. With more than one, the first message of a session no longer fits into a packet
 * together with a usual request; the official client's own value, 10, makes it three packets longer (tcp-proxy.md
 * section 4). Should the one SURB be lost, the session engine's top-ups after silence help out.
 */
export const DEFAULT_REPLY_SURB_RESERVE = 1;

/**
 * The official client is given the next message once at most this many packets wait in it, as far as is known. With a
 * stream of slots one, and the few that may wait unknown, keep it busy while a message is built, and a small message is
 * not stuck behind many packets of others. Without one there is no slot to miss: building a message takes longer than
 * the next one takes to come.
 */
export const DEFAULT_PACKETS_AHEAD: Readonly<Record<TrafficProfile, number>> = {
  default: 1,
  bulk: 1,
  fast: 0,
};

/** What of the official client's behaviour can be chosen. */
export interface ClientSettings {
  /** Default `default`. */
  readonly traffic?: TrafficProfile | undefined;
  /** SURBs of each peer kept back to ask for more with; at least 1. Default {@link DEFAULT_REPLY_SURB_RESERVE}. */
  readonly replySurbReserve?: number | undefined;
  /**
   * Packets that may wait in the official client when it is given the next message; default
   * {@link DEFAULT_PACKETS_AHEAD}. More makes later messages wait longer.
   */
  readonly packetsAhead?: number | undefined;
  /** Mean time in ms that each mix node holds a packet of ours; default 15, the network's own. */
  readonly averagePacketDelayMs?: number | undefined;
  /** Mean time in ms between two packets of the stream that hides real ones among decoys; default 20, the network's own. */
  readonly averageSendingDelayMs?: number | undefined;
  /** Time in ms between two looks at the directory; default 300 000. */
  readonly topologyRefreshMs?: number | undefined;
}

/**
 * The settings as the official client wants them.
 *
 * @throws {RangeError} if a number is out of its range.
 */
export function clientOverride(settings: ClientSettings): DebugWasmOverride {
  const { traffic = 'default', replySurbReserve = DEFAULT_REPLY_SURB_RESERVE } = settings;
  const { averagePacketDelayMs, averageSendingDelayMs, topologyRefreshMs } = settings;
  if (!Number.isInteger(replySurbReserve) || replySurbReserve < 1) {
    throw new OptionError(
      `The reply SURB reserve must be a whole number from 1 on, not ${replySurbReserve}.`,
    );
  }
  const quiet = traffic === 'fast';
  return {
    traffic: {
      // With the legacy format every hop could tell cover from real packets (sphinx.md section 2).
      useLegacySphinxFormat: false,
      useExtendedPacketSize: traffic === 'bulk',
      disableMainPoissonPacketDistribution: quiet,
      ...(averagePacketDelayMs !== undefined && {
        averagePacketDelayMs: milliseconds('The average packet delay', averagePacketDelayMs, 0),
      }),
      ...(averageSendingDelayMs !== undefined && {
        messageSendingAverageDelayMs: milliseconds('The average sending delay', averageSendingDelayMs, 1),
      }),
    },
    coverTraffic: { disableLoopCoverTrafficStream: quiet },
    topology: {
      ...(topologyRefreshMs !== undefined && {
        topologyRefreshRateMs: milliseconds('The topology refresh', topologyRefreshMs, 100),
      }),
    },
    replySurbs: {
      minimumReplySurbStorageThreshold: replySurbReserve,
      // Required by 1.4.1 as soon as anything is set here (nym-api.md section 7).
      freshSenderTags: false,
    },
  };
}

/** What the worker that runs the official client has to know of it. */
export interface WorkerSettings {
  readonly traffic: TrafficProfile;
  readonly packetsAhead: number;
}

/** What of the settings is the worker's affair. */
export function workerSettings(settings: ClientSettings): WorkerSettings {
  const { traffic = 'default', packetsAhead = DEFAULT_PACKETS_AHEAD[traffic] } = settings;
  return { traffic, packetsAhead };
}

function milliseconds(what: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value <= 2 ** 31 - 1) return value;
  throw new OptionError(`${what} must be a whole number of milliseconds from ${least} on, not ${value}.`);
}
