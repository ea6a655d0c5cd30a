import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { hexDump, visibleText } from '../../src/app/bytes-text.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const shown = (content: Uint8Array) =>
  visibleText(content)
    .map(({ text, escape }) => (escape ? `[${text}]` : text))
    .join('');

describe('bytes as text', () => {
  it('shows what cannot be seen as escapes, and breaks lines', () => {
    assert.equal(shown(bytes('a\tb\r\nc\0\x1b[1m')), 'a[\\t]b[\\r][\\n]\nc[\\0][\\x1b][1m');
    assert.equal(shown(bytes('abc\u202edef\u0085')), 'abc[\\u202e]def[\\u0085]');
  });

  it('shows what is no UTF-8 byte by byte', () => {
    assert.equal(
      shown(Uint8Array.of(0x41, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xe2, 0x82)),
      'A[\\xff][\\xc3]([\\xed][\\xa0][\\x80][\\xe2][\\x82]',
    );
  });

  it('leaves all other text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ' ', 'ß', '漢', '😀', '\\') }), (text) => {
        assert.equal(shown(bytes(text)), text);
      }),
    );
  });

  it('hides nothing: whatever the bytes, as many as there are come out', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (content) => {
        const back = visibleText(content).flatMap(({ text, escape }) => {
          if (!escape) return [...bytes(text.replaceAll('\n', ''))];
          const short: Record<string, string> = { '\\n': '\n', '\\r': '\r', '\\t': '\t', '\\0': '\0' };
          const plain = short[text];
          if (plain !== undefined) return [...bytes(plain)];
          const code = Number.parseInt(text.slice(2), 16);
          return text.startsWith('\\x') ? [code] : [...bytes(String.fromCharCode(code))];
        });
        assert.deepEqual(back, [...content]);
      }),
    );
  });
});

describe('a hex dump', () => {
  it('has rows of sixteen with offset and ASCII', () => {
    assert.equal(
      hexDump(bytes('0123456789abcdef\n')),
      '000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n' +
        `000010  0a${' '.repeat(45)}  ·`,
    );
  });
});
