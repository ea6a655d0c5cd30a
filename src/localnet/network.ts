/**
 * The nodes of a localnet together.
 *
 * @module
 */
import type { LocalnetControl } from './control.js';
import { sumOf } from './counters.js';
import type { NodeCounters } from './counters.js';
import type { Faults } from './faults.js';
import { newCounters } from './gateway/counters.js';
import type { GatewayCounters } from './gateway/counters.js';
import type { NodeReport } from './node-host.js';
import type { RunningNodes } from './nodes.js';
import type { LocalnetNode } from './topology.js';

/** What all nodes did since the start. */
export interface LocalnetCounters {
  /** Packets, summed over all nodes: each hop counts. */
  readonly total: NodeCounters;
  /** What gateways did for clients, summed over all gateways. */
  readonly gateways: GatewayCounters;
  readonly nodes: readonly NodeReport[];
}

/** The nodes, and what can be asked of them. */
export class Network implements LocalnetControl {
  readonly all: readonly LocalnetNode[];
  readonly #running: RunningNodes;
  #directoryRuns = true;

  constructor(running: RunningNodes, all: readonly LocalnetNode[]) {
    this.#running = running;
    this.all = all;
  }

  async counters(): Promise<LocalnetCounters> {
    const { total, nodes } = await this.#running.counters();
    const gateways = nodes.flatMap(({ gateway }) => gateway ?? []);
    return { total, gateways: sumOf(newCounters(), gateways), nodes };
  }

  async nodes(): Promise<(LocalnetNode & { readonly running: boolean })[]> {
    const { nodes } = await this.#running.counters();
    const up = new Set(nodes.filter(({ running }) => running).map(({ id }) => id));
    return this.all.map((node) => ({ ...node, running: up.has(node.id) }));
  }

  setFaults(faults: Partial<Faults>): Promise<void> {
    return this.#running.setFaults(faults);
  }

  stopNode(id: number): Promise<void> {
    return this.#running.stopNode(id);
  }

  startNode(id: number): Promise<void> {
    return this.#running.startNode(id);
  }

  get directoryRuns(): boolean {
    return this.#directoryRuns;
  }

  stopDirectory(): void {
    this.#directoryRuns = false;
  }

  startDirectory(): void {
    this.#directoryRuns = true;
  }

  close(): Promise<void> {
    return this.#running.close();
  }
}
