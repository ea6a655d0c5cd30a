/**
 * A whole Nym network in one process.
 *
 * @module
 */
import { Directory } from './directory.js';
import { formatEnvFile } from './env-file.js';
import { LocalnetError } from './errors.js';
import type { Faults } from './faults.js';
import { checkedSettings } from './localnet-options.js';
import type { LocalnetOptions, LocalnetSettings } from './localnet-options.js';
import { Network } from './network.js';
import type { LocalnetCounters } from './network.js';
import type { NodeReport, NodeSpec } from './node-host.js';
import { startNodes } from './nodes.js';
import {
  chooseNodes,
  gatewayStateFile,
  NO_STATE,
  readLocalnetState,
  stateFile,
  withNodes,
  writeLocalnetState,
} from './state.js';
import type { LocalnetState, StoredNode } from './state.js';
import { isGateway } from './topology.js';
import type { LocalnetGateway, LocalnetNode } from './topology.js';
import { watchTrouble } from './trouble.js';

/**
 * Starts directory, gateways and mix nodes, all in this process and on this machine.
 *
 * @throws {LocalnetError} `bad-option`; `port-in-use` or `listen-failed`; `state-corrupt` or `state-unusable`. Nothing is
 *   left running then.
 */
export async function startLocalnet(options: LocalnetOptions = {}): Promise<Localnet> {
  const { stateDir, threads, faults, onFailure, onTrouble } = options;
  const settings = checkedSettings(options);
  const state = stateDir === undefined ? NO_STATE : await readLocalnetState(stateDir);
  const save = async (changed: LocalnetState): Promise<void> => {
    if (stateDir !== undefined) await writeLocalnetState(stateDir, changed);
  };
  const stored = chooseNodes(state, settings);
  // Before any node runs, so that no gateway ever remembers clients under an identity that is lost.
  await save(withNodes(state, stored));
  const specs = nodeSpecs(stored, state.keyRotation, settings, stateDir);
  const running = await startNodes(specs, { threads, faults, onFailure }).catch((error: unknown) => {
    throw withStateDir(error, stateDir);
  });
  try {
    const nodes = withPorts(stored, (await running.counters()).nodes);
    const network = new Network(running, withNodes(state, nodes), nodes, settings, save);
    const directory = await Directory.start(settings.host, settings.port ?? state.directoryPort, network);
    try {
      await network.keepDirectoryPort(directory.port);
      return new Localnet(network, directory, onTrouble);
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
  readonly #stopWatching: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(network: Network, directory: Directory, onTrouble: LocalnetOptions['onTrouble']) {
    this.#network = network;
    this.#directory = directory;
    this.#stopWatching = watchTrouble(() => network.counters(), onTrouble);
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

  /**
   * Begins the next key rotation: each node gets a new Sphinx key, which the directory names from now on. Packets made
   * with the keys before still pass, until the rotation after it or {@link endKeyOverlap}; those that are older do not.
   *
   * @throws {LocalnetError} `state-unusable` if the new keys cannot be kept, though they are in use
   */
  rotateKeys(): Promise<void> {
    return this.#network.rotateKeys();
  }

  /** Ends the time in which packets made with the keys of the last rotation still pass. */
  endKeyOverlap(): Promise<void> {
    return this.#network.endKeyOverlap();
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
    await this.#stopWatching();
    await this.#directory.close();
    await this.#network.close();
  }
}

/** The last gateways are those that want credentials. */
function nodeSpecs(
  nodes: readonly StoredNode[],
  keyRotation: number,
  settings: LocalnetSettings,
  stateDir: string | undefined,
): NodeSpec[] {
  const { host, gateways, paidGateways, dayS, frames, tls } = settings;
  let gatewaysBefore = 0;
  return nodes.map((node) => {
    const { id, mixPort, sphinxPrivateKey, identitySeed, wsPort, wssPort } = node;
    const mixing = { id, host, mixPort, sphinxPrivateKey, keyRotation };
    if (node.layer !== undefined) return { ...mixing, kind: 'mix' };
    gatewaysBefore += 1;
    const freeBandwidth = gatewaysBefore <= gateways - paidGateways;
    const gateway = {
      identitySeed,
      host,
      wsPort,
      rules: { freeBandwidth, dayMs: dayS * 1000, frames },
      tls: tls && { key: tls.key, cert: tls.cert, wssPort },
      ...(stateDir !== undefined && { stateFile: gatewayStateFile(stateDir, node) }),
    };
    return { ...mixing, kind: 'gateway', gateway };
  });
}

function withPorts(stored: readonly StoredNode[], reports: readonly NodeReport[]): StoredNode[] {
  const known = new Map(reports.map((report) => [report.id, report]));
  return stored.map((node) => {
    const { wsPort = 0, wssPort = node.wssPort } = known.get(node.id) ?? {};
    return { ...node, wsPort, wssPort };
  });
}

/** A port from the state directory cannot be changed by an option, so the error has to say where it comes from. */
function withStateDir(error: unknown, stateDir: string | undefined): unknown {
  if (stateDir === undefined || !(error instanceof LocalnetError) || error.code !== 'port-in-use')
    return error;
  const hint = `The port is fixed in ${stateFile(stateDir)}: does another localnet use this state directory?`;
  return new LocalnetError('port-in-use', `${error.message} ${hint}`, { cause: error });
}
