/**
 * The JSON messages of clients (gateway.md sections 1 to 7), read with the distrust that input from a network needs.
 *
 * @module
 */
import { base64 } from '@scure/base';

/** A client's own protocol number; it may leave it out. */
export type ProtocolVersion = number | null;

export interface HandshakeRequest {
  readonly type: 'handshake';
  readonly protocolVersion: ProtocolVersion;
  readonly data: Uint8Array;
}

/** Authentication of protocol 4 and up. */
export interface AuthenticateV2Request {
  readonly type: 'authenticateV2';
  /** 0..255: one byte of what is signed. */
  readonly protocolVersion: number;
  /** 32 bytes. */
  readonly address: Uint8Array;
  readonly addressCiphertext: Uint8Array;
  readonly nonce: Uint8Array;
  /** Whole seconds since 1970. */
  readonly timestamp: number;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export interface EncryptedRequest {
  readonly type: 'encrypted';
  readonly ciphertext: Uint8Array;
  readonly nonce: Uint8Array;
}

export type ClientRequest =
  | { readonly type: 'supportedProtocol' }
  | { readonly type: 'claimBandwidth'; readonly free: boolean }
  | HandshakeRequest
  | AuthenticateV2Request
  | EncryptedRequest;

/** What {@link EncryptedRequest} carries (gateway.md section 7). */
export type InnerRequest =
  { readonly type: 'forgetMe'; readonly client: boolean } | { readonly type: 'rememberMe' };

type Fields = Readonly<Record<string, unknown>>;

/** Reads a text frame; `undefined` if no client would send it. */
export function parseClientRequest(text: string): ClientRequest | undefined {
  const fields = parseObject(text);
  switch (fields?.['type']) {
    case 'supportedProtocol':
      return { type: 'supportedProtocol' };
    case 'claimFreeTestnetBandwidth':
      return { type: 'claimBandwidth', free: true };
    // Whatever a credential is worth, it buys the same as the free claim.
    case 'ecashCredential':
      return { type: 'claimBandwidth', free: false };
    case 'handshakePayload':
    case 'registerHandshakeInitRequest':
      return parseHandshake(fields);
    case 'authenticateV2':
      return parseAuthenticateV2(fields);
    case 'encryptedRequest':
      return parseEncrypted(fields);
    default:
      return undefined;
  }
}

/** Reads the decrypted text of an encrypted request; `undefined` if no client would send it. */
export function parseInnerRequest(text: string): InnerRequest | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const forgetMe = asObject(fields['ForgetMe']);
  if (forgetMe !== undefined) return { type: 'forgetMe', client: forgetMe['client'] === true };
  return asObject(fields['RememberMe']) === undefined ? undefined : { type: 'rememberMe' };
}

function parseHandshake(fields: Fields): HandshakeRequest | undefined {
  const data = byteList(fields['data']);
  const protocolVersion = version(fields['protocol_version']);
  if (data === undefined || protocolVersion === undefined) return undefined;
  return { type: 'handshake', protocolVersion, data };
}

function parseAuthenticateV2(fields: Fields): AuthenticateV2Request | undefined {
  const protocolVersion = version(fields['protocolVersion']);
  const address = byteList(fields['clientIdentity'], 32);
  const addressCiphertext = base64Bytes(fields['addressCiphertext']);
  const nonce = base64Bytes(fields['nonce']);
  const timestamp = fields['requestUnixTimestamp'];
  const signature = byteList(fields['requestSignature'], 64);
  if (typeof protocolVersion !== 'number' || address === undefined || signature === undefined)
    return undefined;
  if (addressCiphertext === undefined || nonce === undefined) return undefined;
  if (typeof timestamp !== 'number' || !Number.isSafeInteger(timestamp) || timestamp < 0) return undefined;
  return { type: 'authenticateV2', protocolVersion, address, addressCiphertext, nonce, timestamp, signature };
}

function parseEncrypted(fields: Fields): EncryptedRequest | undefined {
  const ciphertext = byteList(fields['ciphertext']);
  const nonce = byteList(fields['nonce']);
  if (ciphertext === undefined || nonce === undefined) return undefined;
  return { type: 'encrypted', ciphertext, nonce };
}

function parseObject(text: string): Fields | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** One byte, as in Rust; `undefined` if it is anything else. */
function version(value: unknown): ProtocolVersion | undefined {
  if (value === null || value === undefined) return null;
  return isByte(value) ? value : undefined;
}

function byteList(value: unknown, length?: number): Uint8Array | undefined {
  if (!Array.isArray(value) || !value.every(isByte)) return undefined;
  if (length !== undefined && value.length !== length) return undefined;
  return Uint8Array.from(value);
}

function isByte(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255;
}

function base64Bytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return base64.decode(value);
  } catch {
    return undefined;
  }
}
