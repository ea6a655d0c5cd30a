/**
 * Authentication of a known client, version 2 (gateway.md section 4); real gateways have given up version 1.
 *
 * @module
 */
import { signatureIsValid } from '../keys.js';
import { concat, sameBytes } from './bytes.js';
import type { ClientRecord } from './clients.js';
import type { AuthenticateV2Request } from './requests.js';
import { open } from './shared-key.js';

/** How far a client's clock may be from ours, in seconds (gateway.md section 4.1). */
const MAX_SKEW_S = 120;

/**
 * Why the request is refused, in the order of the real gateway's checks; `undefined` if it is not. Timestamps have whole
 * seconds, so a client that is restarted within one has to wait for the next.
 */
export function refuseAuthenticationV2(
  request: AuthenticateV2Request,
  record: ClientRecord | undefined,
  nowS: number,
): string | undefined {
  if (Math.abs(nowS - request.timestamp) > MAX_SKEW_S) {
    return `the request timestamp ${request.timestamp} is excessively skewed: the gateway's clock says ${Math.floor(nowS)}`;
  }
  if (!signatureIsValid(request.address, signedPart(request), request.signature)) {
    return 'the request signature is invalid';
  }
  if (record === undefined) return 'the client is not registered';
  if (!keyIsProven(request, record)) return 'the address ciphertext does not match the shared key';
  if (request.timestamp <= record.lastAuthenticationS) {
    return 'the provided request timestamp is smaller or equal to one previously used';
  }
  return undefined;
}

/** What a version 2 request signs. */
export function signedPart(request: Omit<AuthenticateV2Request, 'type' | 'signature'>): Uint8Array {
  const timestamp = new Uint8Array(8);
  new DataView(timestamp.buffer).setBigUint64(0, BigInt(request.timestamp));
  return concat(
    Uint8Array.of(request.protocolVersion),
    request.address,
    request.addressCiphertext,
    request.nonce,
    timestamp,
  );
}

function keyIsProven(request: AuthenticateV2Request, record: ClientRecord): boolean {
  const address = open(record.key, request.nonce, request.addressCiphertext);
  return address !== undefined && sameBytes(address, request.address);
}
