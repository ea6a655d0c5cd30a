import {
  ANONYMOUS_OVERHEAD_BYTES,
  anonymousMessagePackets,
  REGULAR_PACKET_BYTES,
  REPLY_OVERHEAD_BYTES,
  SURB_BYTES,
} from '../wire/packet-count.js';
import { MESSAGE_PACKETS } from './limits.js';

const MESSAGE_BYTES = MESSAGE_PACKETS * REGULAR_PACKET_BYTES;

/** Bytes of body in the longest message of an opener that carries `surbs` SURBs; `overhead` is its envelope's. */
export function openerBodyBytes(surbs: number, overhead: number): number {
  return MESSAGE_BYTES - overhead - ANONYMOUS_OVERHEAD_BYTES - surbs * SURB_BYTES;
}

/** Bytes of body in the longest message of an acceptor, which is a reply; `overhead` is its envelope's. */
export function acceptorBodyBytes(overhead: number): number {
  return MESSAGE_BYTES - overhead - REPLY_OVERHEAD_BYTES;
}

/** SURBs that a message of `bytes` with `surbs` SURBs has room for in its last packet, besides these. */
export function spareSurbs(bytes: number, surbs: number): number {
  const used = bytes + ANONYMOUS_OVERHEAD_BYTES + surbs * SURB_BYTES;
  const spare = anonymousMessagePackets(bytes, surbs) * REGULAR_PACKET_BYTES - used;
  return Math.floor(spare / SURB_BYTES);
}
