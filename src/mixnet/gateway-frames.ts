/**
 * What a text frame of the gateway does to the official client: `undefined` if it goes on, or what the gateway said
 * if the client has stopped receiving because of it, which it tells nobody (gateway.md section 8).
 */
export function deafeningFrame(text: string): string | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return 'something that is not JSON';
  }
  const { type, message, error } = (frame ?? {}) as Record<'type' | 'message' | 'error', unknown>;
  if (type === 'error') return `error: ${String(message)}`;
  if (type === 'typedError' && !isOutOfBandwidth(error)) return `error: ${JSON.stringify(error)}`;
  return undefined;
}

/** The client claims more bandwidth and carries on. */
function isOutOfBandwidth(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'out_of_bandwidth' in error;
}
