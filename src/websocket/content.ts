/** Whether it goes as bytes; everything else goes as text. */
export function isBinary(data: unknown): data is BufferSource | Blob {
  return data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data);
}

/** The bytes to send; a copy, as the caller may change what it gave. */
export function contentOf(data: unknown): Uint8Array | Blob {
  // Lone surrogates become U+FFFD here.
  if (!isBinary(data)) return new TextEncoder().encode(String(data));
  if (data instanceof Blob) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice());
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}
