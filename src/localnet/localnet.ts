/**
 * A whole Nym network in one process.
 *
 * @module
 */
import { isIP } from 'node:net';
import { base58 } from '@scure/base';
import { Directory } from './directory.js';
import { directoryDocuments } from './directory-documents.js';
import { formatEnvFile } from './env-file.js';
import { LocalnetError } from './errors.js';
import type { Faults } from './faults.js';
import { exchangeKeyFromBytes, identityFromSeed } from './keys.js';
import { Network } from './network.js';
import type { LocalnetCounters } from './network.js';
import type { NodeReport, NodeSpec } from './node-host.js';
import { startNodes } from './nodes.js';
import {
  chooseNodes,
  gatewayStateFile,
  readLocalnetState,
  stateFile,
  updatedState,
  writeLocalnetState,
} from './state.js';
import type { LocalnetState, StoredNode } from './state.js';
import { isGateway } from './topology.js';
import type { LocalnetGateway, LocalnetNode } from './topology.js';

/** What {@link startLocalnet} may be told. */
export interface LocalnetOptions {
  /** By default 2. */
  readonly gateways?: number | undefined;
  /** By default 2. */
  readonly mixNodesPerLayer?: number | undefined;
  /** Port of the directory; 0, or the default without a state directory, lets the operating system choose. */
  readonly port?: number | undefined;
  /** The IP address to listen on and to announce; by default 127.0.0.1. */
  readonly host?: string | undefined;
  /**
   * Where identities, ports, client keys and inboxes are kept across restarts. Without it everything is new each time
   * and nothing is written to disk.
   */
  readonly stateDir?: string | undefined;
  /** Worker threads that share the nodes; by default 2, or 1 on a machine with one core. */
  readonly threads?: number | undefined;
  /** What goes wrong between nodes from the start; by default nothing. */
  readonly faults?: Partial<Faults> | undefined;
  /** Hears of nodes that died by a fault of the localnet, which should not happen. */
  readonly onFailure?: ((error: LocalnetError) => void) | undefined;
}

const DEFAULT_GATEWAYS = 2;
const DEFAULT_MIX_NODES_PER_LAYER = 2;
const DEFAULT_HOST = '127.0.0.1';
const MAX_NODES_PER_KIND = 100;
const MAX_PORT = 0xffff;

const NO_STATE: LocalnetState = { directoryPort: 0, nodes: [] };

/**
 * Starts directory, gateways and mix nodes, all in this process and on this machine.
 *
 * @throws {LocalnetError} `bad-option`; `port-in-use` or `listen-failed`; `state-corrupt` or `state-unusable`. Nothing is
 *   left running then.
 */
export async function startLocalnet(options: LocalnetOptions = {}): Promise<Localnet> {
  const { stateDir, threads, faults, onFailure } = options;
  const settings = checkedSettings(options);
  const state = stateDir === undefined ? NO_STATE : await readLocalnetState(stateDir);
  const stored = chooseNodes(state, settings);
  // Before any node runs, so that no gateway ever remembers clients under an identity that is lost.
  if (stateDir !== undefined) {
    await writeLocalnetState(stateDir, updatedState(state, stored, state.directoryPort));
  }
  const specs = stored.map((node) => nodeSpec(node, settings.host, stateDir));
  const running = await startNodes(specs, { threads, faults, onFailure }).catch((error: unknown) => {
    throw withStateDir(error, stateDir);
  });
  try {
    const withPorts = withWsPorts(stored, (await running.counters()).nodes);
    const nodes = withPorts.map((node) => describeNode(node, settings.host));
    const network = new Network(running, nodes);
    const directory = await Directory.start(
      settings.host,
      settings.port ?? state.directoryPort,
      directoryDocuments(nodes, new Date()),
      network,
    );
    try {
      if (stateDir !== undefined) {
        await writeLocalnetState(stateDir, updatedState(state, withPorts, directory.port));
      }
      return new Localnet(network, directory);
    } catch (error) {
      await directory.close();
      throw error;
    }
  } catch (error) {
    await running.close().catch(() => undefined);
    throw error;
  }
}

/** A running network. From {@link startLocalnet}. */
export class Localnet {
  readonly #network: Network;
  readonly #directory: Directory;
  /** Of the directory: the `NYM_API` of clients. The same API is there without the `/api/`. */
  readonly apiUrl: string;
  /** Under which `/localnet/counters`, `/localnet/nodes` and the commands are, without a slash at the end. */
  readonly controlUrl: string;
  #closing: Promise<void> | undefined;

  constructor(network: Network, directory: Directory) {
    this.#network = network;
    this.#directory = directory;
    this.apiUrl = directory.apiUrl;
    this.controlUrl = directory.origin;
  }

  /** All nodes, running or not. The directory names them all, too. */
  get nodes(): readonly LocalnetNode[] {
    return this.#network.all;
  }

  get gateways(): readonly LocalnetGateway[] {
    return this.nodes.filter(isGateway);
  }

  /** The text of an env file for Nym software, this project's and the Rust SDK's. */
  envFile(): string {
    return formatEnvFile(this.apiUrl);
  }

  /**
   * Changes what goes wrong between nodes; what is left out is no fault.
   *
   * @throws {LocalnetError} `bad-option`
   */
  setFaults(faults: Partial<Faults>): Promise<void> {
    return this.#network.setFaults(faults);
  }

  /**
   * Stops one node: packets to it are lost, a gateway ends its connections. The directory still names it.
   *
   * @throws {LocalnetError} `no-such-node`; `state-unusable` if a gateway cannot write its state, stopped all the same
   */
  stopNode(id: number): Promise<void> {
    return this.#network.stopNode(id);
  }

  /**
   * Starts a stopped node with its keys, port and clients.
   *
   * @throws {LocalnetError} `no-such-node`; `port-in-use` if another program took the port of a gateway meanwhile
   */
  startNode(id: number): Promise<void> {
    return this.#network.startNode(id);
  }

  /** Stops the directory: it hangs up on whoever asks for nodes. The commands under {@link controlUrl} still work. */
  stopDirectory(): void {
    this.#network.stopDirectory();
  }

  /** Starts a stopped directory, which answers as before. */
  startDirectory(): void {
    this.#network.startDirectory();
  }

  counters(): Promise<LocalnetCounters> {
    return this.#network.counters();
  }

  /**
   * Ends everything. Can be called again.
   *
   * @throws {LocalnetError} `state-unusable` if a gateway cannot write its state, once everything has ended
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#directory.close();
    await this.#network.close();
  }
}

function checkedSettings(options: LocalnetOptions) {
  const { gateways = DEFAULT_GATEWAYS, mixNodesPerLayer = DEFAULT_MIX_NODES_PER_LAYER } = options;
  const { host = DEFAULT_HOST, port } = options;
  requireWholeNumber('gateways', gateways, 1, MAX_NODES_PER_KIND);
  requireWholeNumber('mixNodesPerLayer', mixNodesPerLayer, 1, MAX_NODES_PER_KIND);
  if (port !== undefined) requireWholeNumber('port', port, 0, MAX_PORT);
  if (isIP(host) === 0 || host === '0.0.0.0' || host === '::') {
    throw new LocalnetError(
      'bad-option',
      `host is "${host}"; give an IP address at which clients reach this machine, such as 127.0.0.1`,
    );
  }
  return { gateways, mixNodesPerLayer, host, port };
}

function requireWholeNumber(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new LocalnetError('bad-option', `${name} is ${value}; give a whole number from ${min} to ${max}`);
}

function nodeSpec(node: StoredNode, host: string, stateDir: string | undefined): NodeSpec {
  const { id, mixPort, sphinxPrivateKey, identitySeed, wsPort } = node;
  const mixing = { id, host, mixPort, sphinxPrivateKey };
  if (node.layer !== undefined) return { ...mixing, kind: 'mix' };
  const gateway = { identitySeed, host, wsPort };
  const file = stateDir === undefined ? {} : { stateFile: gatewayStateFile(stateDir, node) };
  return { ...mixing, kind: 'gateway', gateway: { ...gateway, ...file } };
}

function withWsPorts(stored: readonly StoredNode[], reports: readonly NodeReport[]): StoredNode[] {
  const ports = new Map(reports.map(({ id, wsPort }) => [id, wsPort]));
  return stored.map((node) => ({ ...node, wsPort: ports.get(node.id) ?? 0 }));
}

function describeNode(node: StoredNode, host: string): LocalnetNode {
  const facts = {
    id: node.id,
    identity: base58.encode(identityFromSeed(node.identitySeed).publicKey),
    sphinxKey: base58.encode(exchangeKeyFromBytes(node.sphinxPrivateKey).publicKey),
    host,
    mixPort: node.mixPort,
  };
  return node.layer === undefined
    ? { ...facts, kind: 'gateway', wsPort: node.wsPort }
    : { ...facts, kind: 'mix', layer: node.layer };
}

/** A port from the state directory cannot be changed by an option, so the error has to say where it comes from. */
function withStateDir(error: unknown, stateDir: string | undefined): unknown {
  if (stateDir === undefined || !(error instanceof LocalnetError) || error.code !== 'port-in-use')
    return error;
  const hint = `The port is fixed in ${stateFile(stateDir)}: does another localnet use this state directory?`;
  return new LocalnetError('port-in-use', `${error.message} ${hint}`, { cause: error });
}
