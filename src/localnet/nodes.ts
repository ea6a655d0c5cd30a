import { sumNodeCounters, type NodeCounters } from './counters.js';
import { LocalnetError } from './errors.js';
import { checkedFaults, type Faults } from './faults.js';
import { canonicalNodeAddress, formatNodeAddress } from './node-address.js';
import type { NodeReport, NodeSpec } from './node-host.js';
import { placeNodes, planThreads } from './node-plan.js';
import type { RoutedPacket } from './packet.js';
import type { RotationKey } from './sphinx-keys.js';
import { NodeThread } from './thread.js';

export interface NodesOptions {
  /** How many worker threads share the nodes; by default 2, or 1 on a machine with one core. */
  readonly threads?: number | undefined;
  /** By default none. */
  readonly faults?: Partial<Faults> | undefined;
  /** An integer that makes the faults repeatable, as far as the order of the packets is. */
  readonly seed?: number | undefined;
  /** Hears of a thread that ended by itself, which should not happen; its nodes are gone then. */
  readonly onFailure?: ((error: LocalnetError) => void) | undefined;
}

/** What all nodes did. */
export interface NodesReport {
  readonly total: NodeCounters;
  readonly nodes: readonly NodeReport[];
}

/**
 * Starts mix nodes and gateways, all of them in worker threads of this process.
 * @throws {LocalnetError} `bad-option` if the nodes cannot form a network; `port-in-use` and others if a gateway cannot
 *   start. Nothing is left running then.
 */
export async function startNodes(
  specs: readonly NodeSpec[],
  options: NodesOptions = {},
): Promise<RunningNodes> {
  const { threads, faults = {}, seed, onFailure = () => undefined } = options;
  const placed = placeNodes(specs, threads);
  const running = planThreads(placed, checkedFaults(faults), seed).map(
    (plan) => new NodeThread(plan, onFailure),
  );
  const nodes = new RunningNodes(
    running,
    placed.map(({ spec, address, thread }) => ({ id: spec.id, address: formatNodeAddress(address), thread })),
  );
  try {
    for (const { id } of specs) await nodes.startNode(id);
    return nodes;
  } catch (error) {
    await nodes.close().catch(() => undefined);
    throw error;
  }
}

interface KnownNode {
  readonly id: number;
  readonly address: string;
  readonly thread: number;
}

/** Nodes in worker threads. From {@link startNodes}. Every method rejects with `closed` after {@link close}. */
export class RunningNodes {
  readonly #threads: readonly NodeThread[];
  readonly #nodes: readonly KnownNode[];
  #closing: Promise<void> | undefined;

  constructor(threads: readonly NodeThread[], nodes: readonly KnownNode[]) {
    this.#threads = threads;
    this.#nodes = nodes;
  }

  /**
   * Changes what goes wrong between nodes; what is left out is no fault. Packets under way are not concerned.
   * @throws {LocalnetError} `bad-option`
   */
  async setFaults(faults: Partial<Faults>): Promise<void> {
    const checked = checkedFaults(faults);
    await Promise.all(this.#threads.map((thread) => thread.call((api) => api.setFaults(checked))));
  }

  /**
   * Stops a node: packets to it are dropped, those it holds are lost, a gateway ends all connections.
   * @throws {LocalnetError} `no-such-node`; `state-unusable` if a gateway cannot write its state, stopped all the same
   */
  async stopNode(id: number): Promise<void> {
    await this.#threadOf(id).call((api) => api.stopNode(id));
  }

  /**
   * Starts a stopped node with the keys, ports and clients it had.
   * @throws {LocalnetError} `no-such-node`; `port-in-use` and others if a gateway cannot start
   */
  async startNode(id: number): Promise<void> {
    await this.#threadOf(id).call((api) => api.startNode(id));
  }

  /**
   * Gives a node its key for the next key rotation; packets made with the present one still pass.
   * @throws {LocalnetError} `no-such-node`
   */
  async rotateKey(id: number, next: RotationKey): Promise<void> {
    await this.#threadOf(id).call((api) => api.rotateKey(id, next));
  }

  /** Has all nodes forget their keys of the last key rotation. */
  async endKeyOverlap(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.call((api) => api.endKeyOverlap())));
  }

  /** What each node did so far, and the sum. */
  async counters(): Promise<NodesReport> {
    const reports = await Promise.all(this.#threads.map((thread) => thread.call((api) => api.reports())));
    const nodes = reports.flat().sort((a, b) => a.id - b.id);
    return { total: sumNodeCounters(nodes.map(({ counters }) => counters)), nodes };
  }

  /**
   * Hands a packet to its next hop as another node would; for tests and measurements.
   * @throws {LocalnetError} `no-such-node` if no node has that address
   */
  async deliver({ nextHop, ...arrival }: RoutedPacket): Promise<void> {
    const address = formatNodeAddress(canonicalNodeAddress(nextHop));
    const node = this.#nodes.find((known) => known.address === address);
    if (node === undefined) throw new LocalnetError('no-such-node', `no node has the address ${address}`);
    await this.#threadOf(node.id).call((api) => api.deliver(node.id, arrival));
  }

  /**
   * Stops all nodes and ends their threads. Can be called again.
   * @throws {LocalnetError} if a gateway cannot write its state, once everything has ended
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = await Promise.allSettled(this.#threads.map((thread) => thread.close()));
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }

  #threadOf(id: number): NodeThread {
    const known = this.#nodes.find((node) => node.id === id);
    const thread = known === undefined ? undefined : this.#threads[known.thread];
    if (thread === undefined) throw new LocalnetError('no-such-node', `no node has the id ${id}`);
    return thread;
  }
}
