import type { CountingClient } from './counting-client.js';

/** What one end has used so far. */
export interface Usage {
  /** CPU time of the process in s. */
  readonly cpuS: number;
  /** Memory of the process in MiB. */
  readonly memoryMiB: number;
  /** Frames that its mixnet client has sent, decoys included. */
  readonly frames: number;
  /** Packets of the messages that its mixnet client was given. */
  readonly packets: number;
  readonly surbs: number;
}

const MIB = 1024 * 1024;

/** What this process, and this client in it, have used so far. */
export async function newUsage(client: CountingClient | undefined): Promise<Usage> {
  const { user, system } = process.cpuUsage();
  const given = client?.given ?? { packets: 0, surbs: 0 };
  return {
    cpuS: (user + system) / 1e6,
    memoryMiB: process.memoryUsage().rss / MIB,
    frames: client === undefined ? 0 : (await client.traffic()).packetsSent,
    ...given,
  };
}

/** What was used between two looks; the memory is that of the later one. */
export function usedBetween(before: Usage, after: Usage): Usage {
  return {
    cpuS: after.cpuS - before.cpuS,
    memoryMiB: after.memoryMiB,
    frames: after.frames - before.frames,
    packets: after.packets - before.packets,
    surbs: after.surbs - before.surbs,
  };
}
