/**
 * What a localnet tells of its nodes; see its directory's `/localnet/nodes` and `/localnet/counters`.
 *
 * @module
 */
import { fields } from '../demo-site.js';

/** A node of the localnet and what it has done so far. */
export interface LocalnetNode {
  readonly id: number;
  readonly identity: string;
  /** `undefined` for a gateway. */
  readonly layer: number | undefined;
  readonly running: boolean;
  /** Packets that came to it, from clients and from nodes. */
  readonly packets: number;
}

/** More than a picture can show. */
const MAX_NODES = 32;

const ANSWER_LIMIT_MS = 5_000;

/**
 * Asks the localnet.
 *
 * @throws {TypeError} or the signal's reason, if it does not answer; another error if it answers nonsense.
 */
export async function askLocalnet(apiUrl: string, signal: AbortSignal): Promise<readonly LocalnetNode[]> {
  const [nodes, counters] = await Promise.all([
    ask(apiUrl, 'nodes', signal),
    ask(apiUrl, 'counters', signal),
  ]);
  const counted = new Map(
    listOf(fields(counters)['nodes']).map((report) => [report['id'], fields(report['counters'])]),
  );
  return listOf(nodes)
    .slice(0, MAX_NODES)
    .map((node) => {
      const { received, fromClients } = counted.get(node['id']) ?? {};
      return {
        id: Number(node['id']),
        identity: String(node['identity']),
        layer: typeof node['layer'] === 'number' ? node['layer'] : undefined,
        running: node['running'] === true,
        packets: (Number(received) || 0) + (Number(fromClients) || 0),
      };
    });
}

async function ask(apiUrl: string, what: string, signal: AbortSignal): Promise<unknown> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const response = await fetch(new URL(`/localnet/${what}`, apiUrl), { signal: limit, cache: 'no-store' });
  if (!response.ok) throw new Error(`the localnet answers with ${response.status}`);
  return response.json();
}

function listOf(value: unknown): ReturnType<typeof fields>[] {
  return Array.isArray(value) ? value.map(fields) : [];
}
