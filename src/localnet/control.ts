/**
 * What scripts can ask of a running localnet over HTTP: counters, faults, stop and start of one node or of the directory.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { DirectoryDocuments } from './directory-documents.js';
import { LocalnetError } from './errors.js';
import type { Faults } from './faults.js';

/** What the requests act on. */
export interface LocalnetControl {
  counters(): Promise<object>;
  nodes(): Promise<object>;
  setFaults(faults: Partial<Faults>): Promise<void>;
  stopNode(id: number): Promise<void>;
  startNode(id: number): Promise<void>;
  rotateKeys(): Promise<void>;
  endKeyOverlap(): Promise<void>;
  /** What the directory tells clients. */
  readonly documents: DirectoryDocuments;
  /** Whether the directory answers clients. */
  readonly directoryRuns: boolean;
  stopDirectory(): void;
  startDirectory(): void;
}

/** An answer in JSON. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: object;
}

/** Under which all these requests are. */
export const CONTROL_PREFIX = '/localnet/';

const MAX_BODY_BYTES = 4096;
const FAULT_NAMES: ReadonlySet<string> = new Set<keyof Faults>(['loss', 'duplication', 'extraDelayMs']);
const NODE_COMMAND = /^\/localnet\/nodes\/(\d{1,10})\/(stop|start)$/;
const KEYS_COMMAND = /^\/localnet\/keys\/(rotate|end-overlap)$/;
const DIRECTORY_COMMAND = /^\/localnet\/directory\/(stop|start)$/;

/** Answers a request under {@link CONTROL_PREFIX}. Never rejects. */
export async function answerControl(
  control: LocalnetControl,
  path: string,
  request: IncomingMessage,
): Promise<ControlAnswer> {
  try {
    if (request.method === 'GET') return await answerQuestion(control, path);
    if (request.method !== 'POST') return refusal(405, `${String(request.method)} is not possible here`);
    if (!isFromThisMachine(request)) {
      return refusal(403, 'only programs and pages of this machine may command the localnet');
    }
    return await obey(control, path, request);
  } catch (error) {
    if (!(error instanceof LocalnetError)) return refusal(500, String(error));
    if (error.code === 'bad-option') return refusal(400, error.message);
    if (error.code === 'no-such-node') return refusal(404, error.message);
    return refusal(503, error.message);
  }
}

/**
 * Whether neither another machine nor a web page of elsewhere sent the request: such a page names itself in `Origin`,
 * and if it makes its own domain point here, that domain is in `Host`.
 */
export function isFromThisMachine({ headers, socket }: IncomingMessage): boolean {
  const { remoteAddress = '', localAddress } = socket;
  if (!isLoopback(remoteAddress) && remoteAddress !== localAddress) return false;
  const host = hostnameOf(`http://${headers.host ?? ''}`);
  if (host !== 'localhost' && isIP(host) === 0) return false;
  if (headers.origin === undefined) return true;
  const origin = hostnameOf(headers.origin);
  return origin === 'localhost' || isLoopback(origin);
}

async function answerQuestion(control: LocalnetControl, path: string): Promise<ControlAnswer> {
  if (path === '/localnet/counters') return { status: 200, body: await control.counters() };
  if (path === '/localnet/nodes') return { status: 200, body: await control.nodes() };
  return refusal(404, `there is no ${path}; ask for /localnet/counters or /localnet/nodes`);
}

async function obey(
  control: LocalnetControl,
  path: string,
  request: IncomingMessage,
): Promise<ControlAnswer> {
  if (path === '/localnet/faults') {
    const faults = parseFaults(await readBody(request));
    await control.setFaults(faults);
    return { status: 200, body: { faults } };
  }
  const [, id, command] = NODE_COMMAND.exec(path) ?? [];
  if (command === 'stop') await control.stopNode(Number(id));
  if (command === 'start') await control.startNode(Number(id));
  if (command !== undefined) return { status: 200, body: { id: Number(id), running: command === 'start' } };
  const [, ofKeys] = KEYS_COMMAND.exec(path) ?? [];
  if (ofKeys === 'rotate') await control.rotateKeys();
  if (ofKeys === 'end-overlap') await control.endKeyOverlap();
  if (ofKeys !== undefined) return { status: 200, body: {} };
  const [, ofDirectory] = DIRECTORY_COMMAND.exec(path) ?? [];
  if (ofDirectory === 'stop') control.stopDirectory();
  if (ofDirectory === 'start') control.startDirectory();
  if (ofDirectory !== undefined) return { status: 200, body: { running: control.directoryRuns } };
  return refusal(
    404,
    `there is no ${path}; send to /localnet/faults, stop or start to /localnet/nodes/<id>/ or /localnet/directory/, ` +
      'or rotate or end-overlap to /localnet/keys/',
  );
}

function parseFaults(text: string): Partial<Faults> {
  let faults: unknown;
  try {
    faults = JSON.parse(text);
  } catch {
    faults = undefined;
  }
  if (typeof faults !== 'object' || faults === null || Array.isArray(faults)) {
    throw new LocalnetError(
      'bad-option',
      'send a JSON object like {"loss":0.05,"duplication":0,"extraDelayMs":20}',
    );
  }
  for (const [name, value] of Object.entries(faults)) {
    if (FAULT_NAMES.has(name) && typeof value === 'number') continue;
    throw new LocalnetError(
      'bad-option',
      `"${name}" is not a fault with a number; give loss, duplication or extraDelayMs`,
    );
  }
  return faults;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES)
      throw new LocalnetError('bad-option', `send at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === '::1';
}

function hostnameOf(url: string): string {
  if (!URL.canParse(url)) return '';
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}

function refusal(status: number, message: string): ControlAnswer {
  return { status, body: { message } };
}
