/**
 * What the official client takes without anything of ours: one message, and its reply.
 *
 * @module
 */
import type { MixnetClient } from '../src/mixnet/client.js';
import { startMixnetClient } from '../src/mixnet/node/start.js';
import type { TrafficProfile } from '../src/mixnet/options.js';
import { FIRST_SURBS } from '../src/session/limits.js';
import { inTime } from './in-time.js';
import type { BenchNetwork } from './network.js';
import { requestBytes, RequestReader, type Exchange } from './request.js';
import { BenchServer } from './server.js';

/** Replies to each message that is a whole request. */
export function answerAlone(client: MixnetClient): void {
  client.on('message', ({ payload, senderTag }) => {
    if (senderTag === undefined) return;
    const answer = new Uint8Array(new RequestReader().take(payload));
    client.reply(senderTag, answer).catch(() => undefined);
  });
}

/** Times in ms of an exchange of a message and a reply, over a new client each. */
export async function timeAlone(
  { apiUrl }: BenchNetwork,
  traffic: TrafficProfile,
  exchange: Exchange,
  runs: number,
): Promise<number[]> {
  await using server = await BenchServer.start({ kind: 'alone', apiUrl, traffic });
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const client = await startMixnetClient({ network: { name: 'localnet', apiUrl }, traffic });
    try {
      const answered = new Promise<void>((resolve) => void client.on('message', () => resolve()));
      const began = performance.now();
      await client.send(server.address, requestBytes(exchange), FIRST_SURBS);
      await inTime(answered);
      times.push(performance.now() - began);
    } finally {
      await client.close();
    }
  }
  return times;
}
