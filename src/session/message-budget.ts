import {
  ANONYMOUS_OVERHEAD_BYTES,
  messageBytes,
  REPLY_OVERHEAD_BYTES,
  spareBytes,
  SURB_BYTES,
} from '../wire/packet-count.js';
import { PROXIED_MESSAGE_OVERHEAD_BYTES } from '../wire/proxied-message.js';
import { MESSAGE_PACKETS } from './limits.js';

/** Bytes of body in the longest message of an opener that carries `surbs` SURBs. */
export function openerBodyBytes(surbs: number, extended: boolean): number {
  return bodyBytes(extended) - ANONYMOUS_OVERHEAD_BYTES - surbs * SURB_BYTES;
}

/** Bytes of body in the longest message of an acceptor, which is a reply, that may take so many packets. */
export function acceptorBodyBytes(extended: boolean, packets: number): number {
  return bodyBytes(extended, packets) - REPLY_OVERHEAD_BYTES;
}

/** SURBs that a message of `bytes` with `surbs` SURBs has room for in its last packet, besides these. */
export function spareSurbs(bytes: number, surbs: number, extended: boolean): number {
  const spare = spareBytes(bytes + ANONYMOUS_OVERHEAD_BYTES + surbs * SURB_BYTES, extended);
  return Math.floor(spare / SURB_BYTES);
}

function bodyBytes(extended: boolean, packets = Infinity): number {
  return messageBytes(Math.min(packets, MESSAGE_PACKETS), extended) - PROXIED_MESSAGE_OVERHEAD_BYTES;
}
