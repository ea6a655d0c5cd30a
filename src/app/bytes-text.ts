/**
 * Bytes as people can read them.
 *
 * @module
 */

/** A piece of text; an escape stands for something that cannot be seen. */
export interface TextPiece {
  readonly text: string;
  readonly escape: boolean;
}

/**
 * UTF-8 as text, in which control characters and what is no UTF-8 stand as escapes (`\r`, `\x1b`). A line feed breaks
 * the line as well.
 */
export function visibleText(content: Uint8Array): readonly TextPiece[] {
  const pieces: TextPiece[] = [];
  let text = '';
  const escaped = (escape: string) => {
    if (text !== '') pieces.push({ text, escape: false });
    text = '';
    pieces.push({ text: escape, escape: true });
  };
  for (let at = 0; at < content.length;) {
    const first = content[at] ?? 0;
    const length = sequenceLength(first);
    const character = length === 0 ? undefined : decode(content.subarray(at, at + length));
    at += character === undefined ? 1 : length;
    const escape = character === undefined ? `\\x${hexOf(first)}` : escapeOf(character);
    if (escape === undefined) text += character ?? '';
    else escaped(escape);
    if (character === '\n') text += '\n';
  }
  if (text !== '') pieces.push({ text, escape: false });
  return pieces;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(sequence: Uint8Array): string | undefined {
  try {
    return strict.decode(sequence);
  } catch {
    return undefined;
  }
}

function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };

/** Controls, and what changes the direction of the text around it. */
const UNSEEN = /^[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]$/u;

function escapeOf(character: string): string | undefined {
  if (!UNSEEN.test(character)) return undefined;
  const code = character.charCodeAt(0);
  return SHORT[character] ?? (code < 0x80 ? `\\x${hexOf(code)}` : `\\u${code.toString(16).padStart(4, '0')}`);
}

const ROW = 16;

/** Rows of 16 bytes: offset, hex, and printable ASCII. */
export function hexDump(content: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < content.length; at += ROW) {
    const row = [...content.subarray(at, at + ROW)];
    const hex = row
      .map(hexOf)
      .join(' ')
      .padEnd(ROW * 3 - 1);
    const ascii = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    rows.push(`${at.toString(16).padStart(6, '0')}  ${hex}  ${ascii}`);
  }
  return rows.join('\n');
}

/** Lower-case hex without spaces. */
export function hex(content: Uint8Array): string {
  return [...content].map(hexOf).join('');
}

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
