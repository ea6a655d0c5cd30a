import { WireError } from './errors.js';
import type { Lane } from './lane.js';
import { Reader, varintBytes, writeVarint } from './varint.js';

/** Shows that an opener holds an access token, without telling it. */
export interface AccessProof {
  /** When it was made, in seconds since 1970. */
  readonly time: number;
  /** HMAC-SHA-256, 32 bytes; `access-proof.ts` says of what. */
  readonly mac: Uint8Array;
}

/** What an opener wants besides a session: the fields of OPEN behind the receive window. */
export interface OpenRequest {
  /** Name of the upstream, or `host:port`; without it the server's default one. */
  readonly upstream?: string;
  readonly proof?: AccessProof;
  /** The session is a lane of a connection; the frame is LANE then. */
  readonly lane?: Lane;
}

const PROOF_BYTES = 32;

/** Letters, digits, `.`, `_` and `-`; starts with a letter or digit; at most 63. */
const UPSTREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Whether an upstream can have this name. */
export function isUpstreamName(text: string): boolean {
  return UPSTREAM_NAME.test(text);
}

/** A host name of at most 249 characters, or an address, and a port. */
const UPSTREAM_TARGET = /^(?:[A-Za-z0-9][A-Za-z0-9.-]{0,248}|\[[0-9A-Fa-f:.]{2,45}\]):[1-9]\d{0,4}$/;

/** Whether an opener may ask for this: a name, or `host:port`. */
export function isUpstream(text: string): boolean {
  return isUpstreamName(text) || UPSTREAM_TARGET.test(text);
}

/** Encodes a request, save its lane, as `frame.ts` documents it. The upstream must be one that {@link isUpstream} accepts. */
export function encodeOpenRequest({ upstream = '', proof }: OpenRequest): Uint8Array {
  const name = new TextEncoder().encode(upstream);
  const proofBytes = proof ? varintBytes(proof.time) + PROOF_BYTES : 0;
  const bytes = new Uint8Array(1 + name.length + 1 + proofBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, name.length);
  bytes.set(name, 1);
  view.setUint8(1 + name.length, proofBytes);
  if (proof) {
    const mac = writeVarint(view, 2 + name.length, proof.time);
    bytes.set(proof.mac, mac);
  }
  return bytes;
}

/**
 * Reads what an opener wants; `undefined` if it says nothing of it. What follows is reserved.
 *
 * @throws {WireError} if it is cut short or malformed.
 */
export function decodeOpenRequest(reader: Reader): OpenRequest | undefined {
  if (reader.remaining === 0) return undefined;
  const upstream = decodeName(reader.bytes(reader.byte()));
  const proof = decodeProof(reader.bytes(reader.byte()));
  return { ...(upstream !== '' && { upstream }), ...(proof && { proof }) };
}

function decodeName(bytes: Uint8Array): string {
  const name = String.fromCharCode(...bytes);
  if (name !== '' && !isUpstream(name)) throw new WireError('an OPEN frame asks for an impossible name');
  return name;
}

function decodeProof(bytes: Uint8Array): AccessProof | undefined {
  if (bytes.length === 0) return undefined;
  const reader = new Reader(bytes);
  return { time: reader.varint(), mac: reader.bytes(PROOF_BYTES).slice() };
}
