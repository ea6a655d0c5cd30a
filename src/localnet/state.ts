/**
 * The state directory of a localnet: who its nodes are, so that they are the same after a restart.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base58 } from '@scure/base';
import { writeFileAtomic } from './atomic-file.js';
import { LocalnetError } from './errors.js';
import { identityFromSeed, KEY_LENGTH } from './keys.js';
import {
  base64Text,
  fieldsOf,
  keyField,
  listField,
  numberField,
  parseFields,
  StateFormatError,
} from './state-fields.js';
import type { Fields } from './state-fields.js';
import { FIRST_ROTATION } from './sphinx-keys.js';
import { MIX_LAYERS } from './topology.js';
import type { MixLayer } from './topology.js';

/** A node with its secrets. */
export interface StoredNode {
  readonly id: number;
  /** `undefined` for gateways. */
  readonly layer: MixLayer | undefined;
  /** 32-byte seed of the ed25519 identity key. */
  readonly identitySeed: Uint8Array;
  /** Raw X25519 key, 32 bytes. */
  readonly sphinxPrivateKey: Uint8Array;
  readonly mixPort: number;
  /** Of gateways; 0 until they first listened. */
  readonly wsPort: number;
  /** Of gateways; 0 until they first listened for TLS. */
  readonly wssPort: number;
}

/** All that is the same after a restart, except what gateways keep in files of their own. */
export interface LocalnetState {
  /** 0 until the directory first listened. */
  readonly directoryPort: number;
  /** The number of the key rotation that the nodes' Sphinx keys belong to. */
  readonly keyRotation: number;
  readonly nodes: readonly StoredNode[];
}

/** How many nodes of each kind. */
export interface NodeCounts {
  readonly gateways: number;
  readonly mixNodesPerLayer: number;
}

const FORMAT_VERSION = 1;
const FILE_NAME = 'localnet.json';
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Mix ports are names only (nothing listens there), so they follow from the id. */
const FIRST_MIX_PORT = 20_000;
const MAX_PORT = 0xffff;
/** The highest stands for an unknown one. */
const MAX_ROTATION = 2 ** 32 - 2;
const MAX_ID = MAX_PORT - FIRST_MIX_PORT;

/** Of a localnet that never ran. */
export const NO_STATE: LocalnetState = { directoryPort: 0, keyRotation: FIRST_ROTATION, nodes: [] };

/** Where the state itself is kept. */
export function stateFile(directory: string): string {
  return join(directory, FILE_NAME);
}

/** Where a gateway keeps what it knows of its clients: named by its identity, so that it is never read by another. */
export function gatewayStateFile(directory: string, { identitySeed }: StoredNode): string {
  return join(directory, `gateway-${base58.encode(identityFromSeed(identitySeed).publicKey)}.json`);
}

/**
 * Reads the state of a directory, which is created if it is missing; without a file there are no nodes yet.
 *
 * @throws {LocalnetError} `state-corrupt` or `state-unusable`, naming the file
 */
export async function readLocalnetState(directory: string): Promise<LocalnetState> {
  const path = stateFile(directory);
  const text = await readStateText(directory, path);
  if (text === undefined) return NO_STATE;
  try {
    return parseState(text);
  } catch (error) {
    throw new LocalnetError(
      'state-corrupt',
      `${path} is not the state of a localnet (${messageOf(error)}). Restore it, or choose another state directory.`,
      { cause: error },
    );
  }
}

/** @throws {LocalnetError} `state-unusable` if it cannot be written */
export async function writeLocalnetState(directory: string, state: LocalnetState): Promise<void> {
  try {
    await writeFileAtomic(stateFile(directory), formatState(state), FILE_MODE);
  } catch (error) {
    throw unusable(directory, error);
  }
}

/** The nodes to run: those of the state in their order, and new ones for what it lacks. */
export function chooseNodes(state: LocalnetState, counts: NodeCounts): StoredNode[] {
  const groups: [MixLayer | undefined, number][] = [
    ...MIX_LAYERS.map((layer): [MixLayer, number] => [layer, counts.mixNodesPerLayer]),
    [undefined, counts.gateways],
  ];
  let nextId = Math.max(0, ...state.nodes.map(({ id }) => id)) + 1;
  return groups.flatMap(([layer, count]) => {
    const known = state.nodes.filter((node) => node.layer === layer).slice(0, count);
    const added = Array.from({ length: count - known.length }, () => newNode(nextId++, layer));
    return [...known, ...added];
  });
}

/** The state with `running` as they are now; nodes that do not run this time stay in it. */
export function withNodes(state: LocalnetState, running: readonly StoredNode[]): LocalnetState {
  const ids = new Set(running.map(({ id }) => id));
  const resting = state.nodes.filter(({ id }) => !ids.has(id));
  return { ...state, nodes: [...running, ...resting].sort((a, b) => a.id - b.id) };
}

async function readStateText(directory: string, path: string): Promise<string | undefined> {
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    throw unusable(directory, error);
  }
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(directory, error);
  }
}

function newNode(id: number, layer: MixLayer | undefined): StoredNode {
  return {
    id,
    layer,
    identitySeed: randomBytes(KEY_LENGTH),
    sphinxPrivateKey: randomBytes(KEY_LENGTH),
    mixPort: FIRST_MIX_PORT + id,
    wsPort: 0,
    wssPort: 0,
  };
}

function formatState({ directoryPort, keyRotation, nodes }: LocalnetState): string {
  const stored = nodes.map((node) => ({
    id: node.id,
    layer: node.layer ?? 'gateway',
    identitySeed: base64Text(node.identitySeed),
    sphinxPrivateKey: base64Text(node.sphinxPrivateKey),
    mixPort: node.mixPort,
    wsPort: node.wsPort,
    wssPort: node.wssPort,
  }));
  return `${JSON.stringify({ version: FORMAT_VERSION, directoryPort, keyRotation, nodes: stored }, null, 2)}\n`;
}

function parseState(text: string): LocalnetState {
  const state = parseFields(text, FORMAT_VERSION);
  const nodes = listField(state, 'nodes').map((node) => parseNode(fieldsOf(node, 'a node')));
  if (new Set(nodes.map(({ id }) => id)).size < nodes.length) {
    throw new StateFormatError('two nodes have the same id');
  }
  return {
    directoryPort: numberField(state, 'directoryPort', MAX_PORT),
    // Files of earlier versions know no rotations.
    keyRotation: 'keyRotation' in state ? numberField(state, 'keyRotation', MAX_ROTATION) : FIRST_ROTATION,
    nodes,
  };
}

function parseNode(fields: Fields): StoredNode {
  const layer = MIX_LAYERS.find((known) => known === fields['layer']);
  if (layer === undefined && fields['layer'] !== 'gateway') throw new StateFormatError('"layer" is no layer');
  return {
    id: numberField(fields, 'id', MAX_ID),
    layer,
    identitySeed: keyField(fields, 'identitySeed'),
    sphinxPrivateKey: keyField(fields, 'sphinxPrivateKey'),
    mixPort: numberField(fields, 'mixPort', MAX_PORT),
    wsPort: numberField(fields, 'wsPort', MAX_PORT),
    // Files of earlier versions know no TLS.
    wssPort: 'wssPort' in fields ? numberField(fields, 'wssPort', MAX_PORT) : 0,
  };
}

function unusable(directory: string, cause: unknown): LocalnetError {
  return new LocalnetError(
    'state-unusable',
    `The state directory ${directory} cannot be used: ${messageOf(cause)}. Choose one that you may write to.`,
    { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
