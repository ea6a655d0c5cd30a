/** Headers that concern one connection only (RFC 9110 section 7.6.1). */
export const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** The further such headers that a message itself names. */
export function connectionOptions(headers: Headers): string[] {
  return (headers.get('connection') ?? '').split(',').map((option) => option.trim().toLowerCase());
}
