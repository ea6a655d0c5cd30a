import { availableParallelism } from 'node:os';

import { LocalnetError } from './errors.js';
import type { Faults } from './faults.js';
import { canonicalNodeAddress, formatNodeAddress, NodeAddressError } from './node-address.js';
import type { NodeAddress } from './node-address.js';
import type { HostPlan, NodeSpec, ThreadLinkPlan } from './node-host.js';
import { X25519_LENGTH } from './sphinx/x25519.js';
import { threadLinkEnds } from './thread-link.js';

const DEFAULT_THREADS = 2;
const MAX_THREADS = 64;
const MAX_ID = 2 ** 32 - 1;

/** A node and the thread it runs in. */
export interface PlacedNode {
  readonly spec: NodeSpec;
  readonly address: NodeAddress;
  readonly thread: number;
}

/**
 * Deals the nodes out to threads, one after the other.
 * @param threads by default 2, or 1 on a machine with one core
 * @throws {LocalnetError} `bad-option` if the nodes cannot form a network
 */
export function placeNodes(specs: readonly NodeSpec[], threads: number | undefined): PlacedNode[] {
  const count = threads ?? Math.min(DEFAULT_THREADS, availableParallelism());
  if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS) {
    throw badOption(`${count} threads; give a whole number from 1 to ${MAX_THREADS}`);
  }
  const placed = specs.map((spec, index) => ({ spec, address: checkedAddress(spec), thread: index % count }));
  requireDifferent('id', placed, ({ spec }) => spec.id);
  requireDifferent('address', placed, ({ address }) => formatNodeAddress(address));
  return placed;
}

/** What each thread is to host, and its links to all others. Holds ports, so each plan goes to one worker only. */
export function planThreads(
  placed: readonly PlacedNode[],
  faults: Faults,
  seed: number | undefined,
): HostPlan[] {
  const count = Math.max(0, ...placed.map(({ thread }) => thread + 1));
  const on = (thread: number): PlacedNode[] => placed.filter((node) => node.thread === thread);
  const links = Array.from({ length: count }, (): ThreadLinkPlan[] => []);
  for (let a = 0; a < count; a += 1) {
    for (let b = a + 1; b < count; b += 1) {
      const [endA, endB] = threadLinkEnds();
      links[a]?.push({ end: endA, nodes: on(b).map(distantNode) });
      links[b]?.push({ end: endB, nodes: on(a).map(distantNode) });
    }
  }
  return links.map((ownLinks, thread) => ({
    nodes: on(thread).map(({ spec }) => spec),
    links: ownLinks,
    faults,
    seed: seed === undefined ? undefined : seed + thread,
  }));
}

function distantNode({ spec, address }: PlacedNode): { id: number; address: NodeAddress } {
  return { id: spec.id, address };
}

function checkedAddress({ id, kind, host, mixPort, sphinxPrivateKey, gateway }: NodeSpec): NodeAddress {
  if (!Number.isInteger(id) || id < 0 || id > MAX_ID) {
    throw badOption(`node id ${id}; give a whole number from 0 to ${MAX_ID}`);
  }
  if (sphinxPrivateKey.length !== X25519_LENGTH) {
    throw badOption(`Sphinx key of node ${id} has ${sphinxPrivateKey.length} bytes; give ${X25519_LENGTH}`);
  }
  if ((kind === 'gateway') !== (gateway !== undefined)) {
    throw badOption(`node ${id} is a ${kind} node: give "gateway" to gateways, and to no other`);
  }
  try {
    return canonicalNodeAddress({ host, port: mixPort });
  } catch (error) {
    if (error instanceof NodeAddressError) throw badOption(`node ${id}: ${error.message}`);
    throw error;
  }
}

function requireDifferent(
  what: string,
  placed: readonly PlacedNode[],
  value: (node: PlacedNode) => string | number,
): void {
  const seen = new Set<string | number>();
  for (const node of placed) {
    const key = value(node);
    if (seen.has(key)) throw badOption(`two nodes have the ${what} ${key}; give each its own`);
    seen.add(key);
  }
}

function badOption(message: string): LocalnetError {
  return new LocalnetError('bad-option', message);
}
