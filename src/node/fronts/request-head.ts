/** A request's head, as far as it is understood here. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** `1.0` or `1.1`. */
  readonly version: string;
  /** Names in lower case, values without the blanks around them, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** What follows a head: so many bytes, chunks, or bytes that are no HTTP any more. */
export type BodyFraming = number | 'chunked' | 'tunnel';

/** A request that is malformed, or whose end is in doubt; the message says in what way. */
export class RequestHeadError extends Error {
  override readonly name = 'RequestHeadError';
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST_LINE = new RegExp(`^(${TOKEN}) (\\S+) HTTP/(1\\.[01])$`);
const FIELD = new RegExp(`^(${TOKEN}):[ \\t]*(.*?)[ \\t]*$`);

/** Whether a line, without its end, begins an HTTP request of any version. */
export function isRequestLine(line: string): boolean {
  return /^\S+ \S+ HTTP\/\d\.\d$/.test(line);
}

/** Where a head ends, behind its empty line; -1 while it does not. */
export function endOfHead(bytes: Buffer): number {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at + 1] === 0x0a) return at + 2;
    if (bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3;
  }
  return -1;
}

/**
 * Reads a head, its empty line included. Lines may end with a bare LF.
 *
 * @throws {RequestHeadError} if it is malformed. No browser sends such heads.
 */
export function parseRequestHead(bytes: Buffer): RequestHead {
  const [first = '', ...lines] = bytes.toString('latin1').split(/\r?\n/).slice(0, -2);
  const [, method = '', target = '', version = ''] = REQUEST_LINE.exec(first) ?? [];
  if (method === '') throw new RequestHeadError('its first line is malformed');
  const fields = lines.map((line) => {
    const [, name, value = ''] = FIELD.exec(line) ?? [];
    if (name === undefined || /[\0\r]/.test(value))
      throw new RequestHeadError('one of its header lines is malformed');
    return [name.toLowerCase(), value] as const;
  });
  return { method, target, version, fields };
}

/** All values of a field. */
export function fieldValues({ fields }: RequestHead, wanted: string): readonly string[] {
  return fields.filter(([name]) => name === wanted).map(([, value]) => value);
}

/**
 * What follows a head.
 *
 * @throws {RequestHeadError} if different servers could find different ends.
 */
export function framingOf(head: RequestHead): BodyFraming {
  if (head.method === 'CONNECT' || fieldValues(head, 'upgrade').length > 0) return 'tunnel';
  const lengths = new Set(fieldValues(head, 'content-length'));
  const codings = fieldValues(head, 'transfer-encoding');
  if (codings.length > 0) {
    if (lengths.size > 0 || codings.join(',').toLowerCase() !== 'chunked')
      throw new RequestHeadError('its length is given in more than one way');
    return 'chunked';
  }
  const [length = '0', ...others] = lengths;
  if (others.length > 0 || !/^\d{1,15}$/.test(length))
    throw new RequestHeadError('its Content-Length is invalid');
  return Number(length);
}
