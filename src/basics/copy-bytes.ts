/**
 * A copy of bytes, in memory of its own. `bytes.slice()` is none if they are a Node `Buffer`, whose `slice` gives a view:
 * whoever fills the buffer anew would change what was kept.
 */
export function copyBytes(bytes: Uint8Array, from = 0, to = bytes.length): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(from, to));
}
