import {
  ANONYMOUS_OVERHEAD_BYTES,
  messageBytes,
  REPLY_OVERHEAD_BYTES,
  spareBytes,
  SURB_BYTES,
} from '../wire/packet-count.js';
import { MESSAGE_PACKETS } from './limits.js';

/** Bytes of a SUPPLY frame, up to 2^30 SURBs. */
export const SUPPLY_BYTES = 7;

/** Bytes of body in the longest message of an opener that carries `surbs` SURBs; `overhead` is its envelope's. */
export function openerBodyBytes(surbs: number, overhead: number, extended: boolean): number {
  return bodyBytes(overhead, extended) - ANONYMOUS_OVERHEAD_BYTES - surbs * SURB_BYTES;
}

/**
 * Bytes of body in the longest message of an acceptor, which is a reply, that may take so many packets; `overhead` is its
 * envelope's.
 */
export function acceptorBodyBytes(overhead: number, extended: boolean, packets: number): number {
  return bodyBytes(overhead, extended, packets) - REPLY_OVERHEAD_BYTES;
}

/** SURBs that a message of `bytes` with `surbs` SURBs has room for in its last packet, besides these. */
export function spareSurbs(bytes: number, surbs: number, extended: boolean): number {
  const spare = spareBytes(bytes + ANONYMOUS_OVERHEAD_BYTES + surbs * SURB_BYTES, extended);
  return Math.floor(spare / SURB_BYTES);
}

function bodyBytes(overhead: number, extended: boolean, packets = Infinity): number {
  return messageBytes(Math.min(packets, MESSAGE_PACKETS), extended) - overhead;
}
