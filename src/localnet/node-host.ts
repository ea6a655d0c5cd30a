import type { NodeCounters } from './counters.js';
import { seededRandom, type Faults } from './faults.js';
import type { GatewayCounters } from './gateway/counters.js';
import type { GatewayOptions } from './gateway/gateway.js';
import { GatewayNode } from './gateway-node.js';
import { Link, type Arrival, type Destination } from './link.js';
import { MixNode } from './mix-node.js';
import { canonicalNodeAddress, formatNodeAddress, type NodeAddress } from './node-address.js';
import type { RotationKey } from './sphinx-keys.js';
import { ThreadLink, type ThreadLinkEnd } from './thread-link.js';

/** One node of the network. Plain data that can be sent to a worker. */
export interface NodeSpec {
  /** A number that no other node has, 0 to 2^32 - 1. */
  readonly id: number;
  readonly kind: 'mix' | 'gateway';
  /** The IP address by which packets name the node. Nothing listens there. */
  readonly host: string;
  /** The port by which packets name the node. */
  readonly mixPort: number;
  /** Raw X25519 key, 32 bytes. */
  readonly sphinxPrivateKey: Uint8Array;
  /** The key rotation that the key belongs to; by default the first. */
  readonly keyRotation?: number | undefined;
  /** The side that clients see; gateways have one, mix nodes do not. */
  readonly gateway?: GatewayOptions | undefined;
}

/** How one thread reaches the nodes of another. */
export interface ThreadLinkPlan {
  readonly end: ThreadLinkEnd;
  readonly nodes: readonly { readonly id: number; readonly address: NodeAddress }[];
}

/** All that one thread of the network needs. */
export interface HostPlan {
  readonly nodes: readonly NodeSpec[];
  readonly links: readonly ThreadLinkPlan[];
  readonly faults: Faults;
  /** Makes the faults repeatable. */
  readonly seed: number | undefined;
}

/** One node, seen from outside. */
export interface NodeReport {
  readonly id: number;
  readonly kind: 'mix' | 'gateway';
  readonly running: boolean;
  /** What it did with packets. */
  readonly counters: NodeCounters;
  /** Why it first dropped a packet for a reason of its own, which should not happen; `undefined` if it never did. */
  readonly fault: string | undefined;
  /** Gateways: what they did for clients. */
  readonly gateway?: GatewayCounters;
  /** Gateways: where clients connect. */
  readonly wsPort?: number;
  /** Gateways that offer TLS: where clients connect with it. */
  readonly wssPort?: number | undefined;
}

interface HostedNode {
  readonly spec: NodeSpec;
  readonly node: MixNode | GatewayNode;
}

/** The nodes of one thread, mix nodes as well as gateways, and their links to all others. */
export class NodeHost {
  readonly #nodes = new Map<number, HostedNode>();
  readonly #threads: ThreadLink[] = [];
  readonly #link: Link;

  /** All nodes are stopped until {@link NodeHost.startNode}. */
  constructor({ nodes, links, faults, seed }: HostPlan) {
    const destinations = new Map<string, Destination>();
    this.#link = new Link(destinations, seed === undefined ? Math.random : seededRandom(seed));
    this.#link.faults = faults;
    for (const spec of nodes) {
      const node = createNode(spec, this.#link);
      this.#nodes.set(spec.id, { spec, node });
      destinations.set(formatNodeAddress(addressOf(spec)), (arrival) => {
        node.receive(arrival);
        return true;
      });
    }
    for (const { end, nodes: distant } of links) {
      const thread = new ThreadLink(end, (id, arrival) => this.deliver(id, arrival));
      this.#threads.push(thread);
      for (const { id, address } of distant) {
        destinations.set(formatNodeAddress(address), (arrival) => thread.send(id, arrival));
      }
    }
  }

  setFaults(faults: Faults): void {
    this.#link.faults = faults;
  }

  /** @throws {LocalnetError} if a gateway cannot listen or read its state */
  async startNode(id: number): Promise<void> {
    await this.#nodes.get(id)?.node.start();
  }

  /** @throws {LocalnetError} if a gateway cannot write its state; it is stopped all the same */
  async stopNode(id: number): Promise<void> {
    await this.#nodes.get(id)?.node.stop();
  }

  /** Gives a node its key for the next key rotation. */
  rotateKey(id: number, next: RotationKey): void {
    this.#nodes.get(id)?.node.rotateKey(next);
  }

  /** Has all nodes forget their keys of the last key rotation. */
  endKeyOverlap(): void {
    for (const { node } of this.#nodes.values()) node.endKeyOverlap();
  }

  /** Hands a node a packet as another node would. */
  deliver(id: number, arrival: Arrival): void {
    this.#nodes.get(id)?.node.receive(arrival);
  }

  reports(): NodeReport[] {
    return [...this.#nodes.values()].map(report);
  }

  /**
   * Stops all nodes and closes the links.
   * @throws {LocalnetError} if a gateway cannot write its state, once everything is closed
   */
  async close(): Promise<void> {
    const stopped = await Promise.allSettled([...this.#nodes.keys()].map((id) => this.stopNode(id)));
    for (const thread of this.#threads) thread.close();
    for (const result of stopped) if (result.status === 'rejected') throw result.reason;
  }
}

/** The canonical address by which packets name a node. */
export function addressOf({ host, mixPort }: NodeSpec): NodeAddress {
  return canonicalNodeAddress({ host, port: mixPort });
}

function createNode(spec: NodeSpec, link: Link): MixNode | GatewayNode {
  const { sphinxPrivateKey, keyRotation, gateway } = spec;
  if (gateway !== undefined) return new GatewayNode({ sphinxPrivateKey, keyRotation }, gateway, link);
  const node = new MixNode({ sphinxPrivateKey, keyRotation }, link);
  node.stop();
  return node;
}

function report({ spec: { id, kind }, node }: HostedNode): NodeReport {
  const mixing = { id, kind, running: node.running, counters: node.counters(), fault: node.fault };
  if (node instanceof MixNode) return mixing;
  return { ...mixing, gateway: node.gatewayCounters(), wsPort: node.wsPort, wssPort: node.wssPort };
}
