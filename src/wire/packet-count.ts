/**
 * How many Sphinx packets a message costs (sphinx.md section 9). Exact up to 255 packets; longer messages spend a
 * few bytes more on linking their fragments.
 *
 * @module
 */

/** Message bytes that one regular Sphinx packet carries. */
export const REGULAR_PACKET_BYTES = 1604;

/** Message bytes that one extended (32 KiB) Sphinx packet carries. */
export const EXTENDED_PACKET_BYTES = 32_324;

/** Bytes of one reply SURB inside an anonymous message. */
export const SURB_BYTES = 460;

/** Bytes that an anonymous message needs besides its SURBs and the user's payload. */
export const ANONYMOUS_OVERHEAD_BYTES = 23;

/** Bytes that a reply needs besides the user's payload. */
export const REPLY_OVERHEAD_BYTES = 3;

/** Packets of an anonymous message of `bytes` with `replySurbs` SURBs attached. */
export function anonymousMessagePackets(bytes: number, replySurbs: number, extended = false): number {
  return packets(bytes + ANONYMOUS_OVERHEAD_BYTES + SURB_BYTES * replySurbs, extended);
}

/** Packets of a reply of `bytes`, which is also the number of SURBs that it spends. */
export function replyPackets(bytes: number, extended = false): number {
  return packets(bytes + REPLY_OVERHEAD_BYTES, extended);
}

/** Bytes of the longest message that is to be made of `regular` packets, or of one extended packet. */
export function messageBytes(regular: number, extended: boolean): number {
  return extended ? EXTENDED_PACKET_BYTES : regular * REGULAR_PACKET_BYTES;
}

/** Bytes that are left in the packets of a message of `bytes`, everything included. */
export function spareBytes(bytes: number, extended: boolean): number {
  const inRegular = Math.ceil(bytes / REGULAR_PACKET_BYTES);
  const count = packets(bytes, extended);
  return count * (count < inRegular ? EXTENDED_PACKET_BYTES : REGULAR_PACKET_BYTES) - bytes;
}

/** The official client takes extended packets whenever they are fewer (sphinx.md section 1). */
function packets(bytes: number, extended: boolean): number {
  const regular = Math.ceil(bytes / REGULAR_PACKET_BYTES);
  return extended ? Math.min(regular, Math.ceil(bytes / EXTENDED_PACKET_BYTES)) : regular;
}
