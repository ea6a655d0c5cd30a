import { askDirectory } from './directory.js';
import { MixnetClientError } from './errors.js';
import type { Network } from './network.js';

/** The official client's own threshold (nym-api.md section 4). */
const LEAST_PERFORMANCE = 0.5;

/** Ends a list whose announced total never comes; mainnet needs a handful of pages. */
const MAX_PAGES = 20;

const LIST_PATH = 'v2/unstable/nym-nodes/skimmed/entry-gateways';

/** A gateway as the directory lists it. */
interface ListedGateway {
  /** Base58 of its ed25519 identity key. */
  readonly identity: string;
  /** Between 0 and 1. */
  readonly performance: number;
  /** Whether clients can connect to it at all. */
  readonly entry: boolean;
  /** Whether clients can connect with TLS, as a page served over https must. */
  readonly wss: boolean;
}

export interface GatewayChoice {
  /** Base58 identity of the gateway to use; without it, one is drawn. */
  readonly wanted?: string | undefined;
  /** Draws only among gateways that offer TLS. */
  readonly wssOnly?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Chooses the gateways at which a new client may start: the wanted one alone, if the directory lists it as usable, or all
 * with enough performance, in an order drawn at random (nym-api.md section 4). The official client would draw alike, but
 * would draw anew at every start, and a new gateway is a new address.
 *
 * @returns base58 identities, at least one; each is to be tried only if those before it refuse the client.
 * @throws {MixnetClientError} `network` if the directory is of no use or lists no usable gateway; `gateway` if the
 *   wanted one is not usable.
 * @throws the signal's reason if it aborts.
 */
export async function drawGateways(network: Network, choice: GatewayChoice = {}): Promise<readonly string[]> {
  const { wanted, wssOnly = false, signal } = choice;
  const listed = await listGateways(network, signal);
  if (wanted !== undefined) return [checkWanted(wanted, listed, network, wssOnly)];

  const usable = listed.filter((gateway) => whyUnusable(gateway, wssOnly) === undefined);
  if (usable.length === 0) {
    throw new MixnetClientError(
      'network',
      `The directory ${network.apiUrl} lists ${listed.length} gateways, none of them usable as an entry` +
        `${wssOnly ? ' over TLS' : ''}. Try again later.`,
    );
  }
  return shuffled(usable).map(({ identity }) => identity);
}

function checkWanted(
  wanted: string,
  listed: readonly ListedGateway[],
  network: Network,
  wssOnly: boolean,
): string {
  const found = listed.find((gateway) => gateway.identity === wanted);
  const trouble = found ? whyUnusable(found, wssOnly) : 'the directory does not know it';
  if (trouble === undefined) return wanted;
  throw new MixnetClientError(
    'gateway',
    `The gateway ${wanted} cannot be used: ${trouble} (${network.apiUrl}). ` +
      'Give the identity of another gateway of this network, or none to have one drawn.',
  );
}

function whyUnusable(gateway: ListedGateway, wssOnly: boolean): string | undefined {
  if (!gateway.entry) return 'it does not accept clients';
  if (!(gateway.performance >= LEAST_PERFORMANCE)) {
    return `its performance is ${gateway.performance}, below ${LEAST_PERFORMANCE}`;
  }
  if (wssOnly && !gateway.wss) return 'it does not offer TLS, which is needed here';
  return undefined;
}

async function listGateways(network: Network, signal: AbortSignal | undefined): Promise<ListedGateway[]> {
  const gateways: ListedGateway[] = [];
  let seen = 0;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await askDirectory(network, `${LIST_PATH}?page=${page}`, signal);
    const nodes = field(answer, 'nodes');
    const data = field(nodes, 'data');
    if (!Array.isArray(data)) {
      throw new MixnetClientError(
        'network',
        `${network.apiUrl} is not the directory of a Nym network: it answers ${LIST_PATH} with something else. ` +
          'Correct NYM_API.',
      );
    }
    seen += data.length;
    gateways.push(...data.map(readGateway).filter((gateway) => gateway !== undefined));
    const total = field(field(nodes, 'pagination'), 'total');
    if (data.length === 0 || typeof total !== 'number' || seen >= total) break;
  }
  return gateways;
}

/** Reads one entry; `undefined` if it is nothing that can be read (nym-api.md section 3.1). */
function readGateway(node: unknown): ListedGateway | undefined {
  const identity = field(node, 'ed25519_identity_pubkey');
  if (typeof identity !== 'string') return undefined;
  const entry = field(node, 'entry');
  const addresses = field(node, 'ip_addresses');
  const wss = typeof field(entry, 'hostname') === 'string' && typeof field(entry, 'wss_port') === 'number';
  return {
    identity,
    performance: Number(field(node, 'performance')),
    entry: typeof field(entry, 'ws_port') === 'number' && Array.isArray(addresses) && addresses.length > 0,
    wss,
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** All of them, each order as likely as any other, by the system's cryptographic source. */
function shuffled<T>(items: readonly T[]): T[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(randomBelow(rest.length), 1));
}

/** A whole number from 0 up to but not `limit`, drawn uniformly. */
function randomBelow(limit: number): number {
  const fair = 2 ** 32 - (2 ** 32 % limit);
  for (;;) {
    const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
    if (number < fair) return number % limit;
  }
}
