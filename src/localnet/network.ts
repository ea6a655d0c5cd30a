/**
 * The nodes of a localnet together, and what its directory says of them.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { base58 } from '@scure/base';
import type { LocalnetControl } from './control.js';
import { sumOf } from './counters.js';
import type { NodeCounters } from './counters.js';
import { directoryDocuments } from './directory-documents.js';
import type { DirectoryDocuments } from './directory-documents.js';
import type { Faults } from './faults.js';
import { newCounters } from './gateway/counters.js';
import type { GatewayCounters } from './gateway/counters.js';
import { exchangeKeyFromBytes, identityFromSeed, KEY_LENGTH } from './keys.js';
import type { LocalnetSettings } from './localnet-options.js';
import type { NodeReport } from './node-host.js';
import type { RunningNodes } from './nodes.js';
import { withNodes } from './state.js';
import type { LocalnetState, StoredNode } from './state.js';
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
  readonly #running: RunningNodes;
  readonly #settings: LocalnetSettings;
  readonly #save: (state: LocalnetState) => Promise<void>;
  readonly #startedAt = new Date();
  #state: LocalnetState;
  #stored: readonly StoredNode[];
  #all: readonly LocalnetNode[];
  #documents: DirectoryDocuments;
  #directoryRuns = true;
  /** Key rotations take turns. */
  #turn: Promise<void> = Promise.resolve();

  /**
   * @param state of the localnet, of which `stored` are the nodes that run
   * @param save keeps what it becomes
   */
  constructor(
    running: RunningNodes,
    state: LocalnetState,
    stored: readonly StoredNode[],
    settings: LocalnetSettings,
    save: (state: LocalnetState) => Promise<void>,
  ) {
    this.#running = running;
    this.#state = state;
    this.#stored = stored;
    this.#settings = settings;
    this.#save = save;
    this.#all = stored.map((node) => describeNode(node, settings));
    this.#documents = this.#describe();
  }

  /** All nodes, running or not. */
  get all(): readonly LocalnetNode[] {
    return this.#all;
  }

  /** What the directory says now. */
  get documents(): DirectoryDocuments {
    return this.#documents;
  }

  /** @throws {LocalnetError} `state-unusable` if it cannot be kept */
  async keepDirectoryPort(directoryPort: number): Promise<void> {
    this.#state = { ...this.#state, directoryPort };
    await this.#save(this.#state);
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

  rotateKeys(): Promise<void> {
    const rotated = this.#turn.then(() => this.#rotateKeys());
    this.#turn = rotated.catch(() => undefined);
    return rotated;
  }

  endKeyOverlap(): Promise<void> {
    return this.#running.endKeyOverlap();
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

  /** The nodes know their new keys before the directory names them. */
  async #rotateKeys(): Promise<void> {
    const keyRotation = this.#state.keyRotation + 1;
    const stored = this.#stored.map((node) => ({ ...node, sphinxPrivateKey: randomBytes(KEY_LENGTH) }));
    for (const { id, sphinxPrivateKey: privateKey } of stored) {
      await this.#running.rotateKey(id, { rotation: keyRotation, privateKey });
    }
    this.#stored = stored;
    this.#all = stored.map((node) => describeNode(node, this.#settings));
    this.#state = withNodes({ ...this.#state, keyRotation }, stored);
    this.#documents = this.#describe();
    await this.#save(this.#state);
  }

  #describe(): DirectoryDocuments {
    const { keyRotation } = this.#state;
    return directoryDocuments(this.#all, { startedAt: this.#startedAt, keyRotation });
  }
}

function describeNode(node: StoredNode, { host, tls }: LocalnetSettings): LocalnetNode {
  const facts = {
    id: node.id,
    identity: base58.encode(identityFromSeed(node.identitySeed).publicKey),
    sphinxKey: base58.encode(exchangeKeyFromBytes(node.sphinxPrivateKey).publicKey),
    host,
    mixPort: node.mixPort,
  };
  if (node.layer !== undefined) return { ...facts, kind: 'mix', layer: node.layer };
  const { wsPort, wssPort } = node;
  return { ...facts, kind: 'gateway', wsPort, tls: tls && { hostname: tls.hostname, wssPort } };
}
