/**
 * What servers answer and what comes of it, as data: read by our client in Node and in Chromium, and by Chromium's own
 * network stack.
 *
 * @module
 */

/** What comes of an answer: what a reader of the response sees, or that there is none. */
export type Outcome = readonly [status: number, text: string, header?: string] | 'refused';

/** An answer, one character for each byte. */
export interface AnswerRow {
  readonly what: string;
  readonly answer: string;
  /** The header that the outcome tells of. */
  readonly header?: string;
  readonly here: Outcome;
  /** Where Chromium does something else, which the `why` is for. */
  readonly chromium?: Outcome;
  readonly why?: string;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const END = 'content-length: 4\r\n\r\ntext';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

const gzip = (base64: string) => atob(base64);
/** `one ` and `two` in gzip. */
const ONE = gzip('H4sIAAAAAAAAA8vPS1UAAElhrCMEAAAA');
const TWO = gzip('H4sIAAAAAAAAAyspzwcAZorKEQMAAAA=');
/** `text` with the header of zlib, and bare. */
const ZLIB = gzip('eJwrSa0oAQAEZwHG');
const BARE = gzip('K0mtKAEA');

const coded = (coding: string, body: string) =>
  `${OK}content-encoding: ${coding}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

export const ANSWERS: readonly AnswerRow[] = [
  ...['none', 'utf-8', 'binary', 'aws-chunked'].map((coding) => ({
    what: `Content-Encoding: ${coding}, which nobody can decode`,
    answer: coded(coding, 'text'),
    here: [200, 'text'] as const,
  })),
  {
    what: 'Content-Encoding: br, which was not asked for',
    answer: coded('br', '\x8b\x01\x80text\x03'),
    here: 'refused',
    chromium: [200, 'text'],
    why: 'the page would need another decoder',
  },
  { what: 'gzip', answer: coded('gzip', ONE), here: [200, 'one '] },
  {
    what: 'gzip of two members',
    answer: coded('gzip', ONE + TWO),
    here: [200, 'one two'],
    chromium: [200, 'one '],
    why: 'RFC 1952 has them, and Node and curl read them',
  },
  {
    what: 'gzip with zeros behind it',
    answer: coded('gzip', `${ONE}\0\0\0\0\0\0\0\0\0\0`),
    here: [200, 'one '],
  },
  { what: 'gzip with junk behind it', answer: coded('gzip', `${ONE}<!-- junk -->`), here: [200, 'one '] },
  { what: 'deflate', answer: coded('deflate', ZLIB), here: [200, 'text'] },
  { what: 'deflate without its header', answer: coded('deflate', BARE), here: [200, 'text'] },
  { what: 'deflate with junk behind it', answer: coded('deflate', `${ZLIB}junk`), here: [200, 'text'] },
  {
    what: 'a header in UTF-8',
    answer: `${OK}x: caf\xc3\xa9\r\n${END}`,
    header: 'x',
    here: [200, 'text', 'cafÃ©'],
  },
  {
    what: 'Content-Length twice, the same',
    answer: `${OK}content-length: 4\r\nContent-Length: 4\r\n\r\ntext`,
    header: 'content-length',
    here: [200, 'text', '4'],
    chromium: [200, 'text', '4, 4'],
    why: 'it is taken once',
  },
  {
    what: 'Content-Length as a list of equals',
    answer: `${OK}content-length: 4, 4\r\n\r\ntext`,
    here: [200, 'text'],
  },
  {
    what: 'Content-Length with leading zeros',
    answer: `${OK}content-length: 0004\r\n\r\ntext`,
    here: [200, 'text'],
  },
  {
    what: 'Content-Length twice, different',
    answer: `${OK}content-length: 4\r\ncontent-length: 5\r\n\r\ntextx`,
    here: 'refused',
  },
  {
    what: 'Location twice, different',
    answer: `${OK}location: /a\r\nlocation: /b\r\n${END}`,
    here: 'refused',
  },
  {
    what: 'Content-Disposition twice, different',
    answer: `${OK}content-disposition: inline\r\ncontent-disposition: attachment\r\n${END}`,
    here: 'refused',
  },
  {
    what: '30 interim answers',
    answer: `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(30)}${OK}${END}`,
    here: [200, 'text'],
  },
  {
    what: '103 with a length',
    answer: `HTTP/1.1 103 Early Hints\r\ncontent-length: 9\r\n\r\n${OK}${END}`,
    here: [200, 'text'],
  },
  {
    what: 'a folded header',
    answer: `${OK}x: one\r\n two\r\n\tthree\r\n${END}`,
    header: 'x',
    here: [200, 'text', 'one two three'],
  },
  {
    what: 'lines that end in LF alone',
    answer: 'HTTP/1.1 200 OK\nx: y\ncontent-length: 4\n\ntext',
    header: 'x',
    here: [200, 'text', 'y'],
  },
  { what: '300 header fields', answer: `${OK}${'a: b\r\n'.repeat(300)}${END}`, here: [200, 'text'] },
  {
    what: '100 kB of headers',
    answer: `${OK}${`a: ${'b'.repeat(1000)}\r\n`.repeat(100)}${END}`,
    here: [200, 'text'],
  },
  { what: 'one header of 100 kB', answer: `${OK}a: ${'b'.repeat(100_000)}\r\n${END}`, here: [200, 'text'] },
  { what: 'an empty line before the status line', answer: `\r\n${OK}${END}`, here: [200, 'text'] },
  { what: 'the status 999', answer: `HTTP/1.1 999 Request denied\r\n${END}`, here: [999, 'text'] },
  { what: 'the status 600', answer: `HTTP/1.1 600 New\r\n${END}`, here: [600, 'text'] },
  {
    what: 'a chunk size with leading zeros',
    answer: `${CHUNKED}0000000000000000004\r\ntext\r\n000\r\n\r\n`,
    here: [200, 'text'],
  },
  {
    what: 'a chunk size with blanks behind it',
    answer: `${CHUNKED}4  \r\ntext\r\n0\r\n\r\n`,
    here: [200, 'text'],
  },
  {
    what: 'chunk extensions and trailers',
    answer: `${CHUNKED}4;a="b"\r\ntext\r\n0\r\nx: y\r\n\r\n`,
    here: [200, 'text'],
  },
  {
    what: 'a control character in a header',
    answer: `${OK}x: a\x01b\r\n${END}`,
    header: 'x',
    here: [200, 'text', 'a\x01b'],
  },
  { what: 'no reason phrase', answer: `HTTP/1.1 200\r\n${END}`, here: [200, 'text'] },
  { what: 'a body that ends with the connection', answer: `${OK}\r\ntext`, here: [200, 'text'] },
  {
    what: 'Transfer-Encoding: identity',
    answer: `${OK}transfer-encoding: identity\r\n\r\ntext`,
    here: [200, 'text'],
  },
  {
    what: 'Content-Length and Transfer-Encoding',
    answer: `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n`,
    here: 'refused',
    chromium: [200, 'text'],
    why: 'where the body ends is in doubt',
  },
  {
    what: 'Content-Length that is not a number',
    answer: `${OK}content-length: four\r\n\r\ntext`,
    here: 'refused',
    chromium: [200, 'text'],
    why: 'where the body ends is in doubt',
  },
  {
    what: 'a header line without a colon',
    answer: `${OK}nonsense\r\n${END}`,
    here: 'refused',
    chromium: [200, 'text'],
    why: 'undici and Node refuse it too',
  },
  { what: 'NUL in a header', answer: `${OK}x: a\0b\r\n${END}`, here: 'refused' },
  {
    what: 'a chunk size that is not a number',
    answer: `${CHUNKED}xyz\r\ntext\r\n0\r\n\r\n`,
    here: 'refused',
  },
  { what: 'a chunk longer than its size', answer: `${CHUNKED}3\r\ntext\r\n0\r\n\r\n`, here: 'refused' },
  { what: 'a body shorter than its length', answer: `${OK}content-length: 5\r\n\r\ntext`, here: 'refused' },
  { what: 'a chunked body without an end', answer: `${CHUNKED}4\r\ntext\r\n`, here: 'refused' },
  { what: 'HTTP/0.9', answer: '<html>text', here: 'refused' },
  { what: 'no answer', answer: '', here: 'refused' },
];

/** What comes of a response. */
export async function outcomeOf(response: Promise<Response>, header: string | undefined): Promise<Outcome> {
  try {
    const { status, headers, ...rest } = await response.then(async (given) => ({
      status: given.status,
      headers: given.headers,
      text: await given.text(),
    }));
    if (header === undefined) return [status, rest.text];
    return [status, rest.text, headers.get(header) ?? ''];
  } catch {
    return 'refused';
  }
}
