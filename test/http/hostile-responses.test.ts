import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { TunnelFetchErrorCode } from '../../src/http/index.js';
import { rejectsWith } from './failures.js';
import { cannedUpstream, onRequestHead, tcpUpstream } from './upstream.js';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

describe('an answer is refused, and its socket closed', { timeout: 60_000 }, () => {
  const refused: Record<string, string> = {
    'with two lengths that differ': `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`,
    'with a list of lengths that differ': `${OK}content-length: 1, 2\r\n\r\na`,
    'with a length and a list of another': `${OK}content-length: 1\r\ncontent-length: 2, 2\r\n\r\na`,
    'with a list with an empty length': `${OK}content-length: 1,\r\n\r\na`,
    'with a folded length': `${OK}content-length:\r\n 1\r\n\r\na`,
    'with two locations': `${OK}location: /a\r\nlocation: /b\r\n\r\n`,
    'with two dispositions': `${OK}content-disposition: inline\r\ncontent-disposition: attachment\r\n\r\n`,
    'with a negative length': `${OK}content-length: -1\r\n\r\n`,
    'with a signed length': `${OK}content-length: +1\r\n\r\na`,
    'with a hexadecimal length': `${OK}content-length: 0x1\r\n\r\na`,
    'with a fractional length': `${OK}content-length: 1.0\r\n\r\na`,
    'with an empty length': `${OK}content-length:\r\n\r\na`,
    'with a length that no number holds': `${OK}content-length: 99999999999999999999\r\n\r\na`,
    'with length and transfer coding': `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    'with an unknown transfer coding': `${OK}transfer-encoding: gzip\r\n\r\n0\r\n\r\n`,
    'with two transfer codings': `${OK}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'with chunked twice': `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    'with chunked hidden behind identity': `${OK}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\nx`,
    'with a transfer coding with a control character': `${OK}transfer-encoding: \vchunked\r\n\r\n0\r\n\r\n`,
    'with a transfer coding in HTTP/1.0': 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'with a bare CR in a header': `${OK}x: a\rb: c\r\n\r\n`,
    'with NUL in a header': `${OK}x: a\0b\r\n\r\n`,
    'with NUL in a header name': `${OK}x\0: a\r\n\r\n`,
    'with a folded transfer coding': `${OK}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    'with an empty transfer coding': `${OK}transfer-encoding:\r\n\r\n0\r\n\r\n`,
    'with an identity that has a length': `${OK}transfer-encoding: identity\r\ncontent-length: 1\r\n\r\na`,
    'with NUL in the status line': 'HTTP/1.1 200 a\0b\r\n\r\n',
    'with NUL in a folded line': `${OK}x: a\r\n \0b\r\n\r\n`,
    'with a bare CR at the end of a line': `${OK}x: a\r\r\n\r\n`,
    'with a fold after the status line': `${OK} x: a\r\n\r\n`,
    'with a blank before the colon': `${OK}content-length : 1\r\n\r\na`,
    'with a header without a colon': `${OK}nonsense\r\n\r\n`,
    'with a header without a name': `${OK}: value\r\n\r\n`,
    'with a header name beyond ASCII': `${OK}ä: value\r\n\r\n`,
    'with a head without an end': OK + `x: ${'y'.repeat(500)}\r\n`.repeat(600),
    'with a header line without an end': OK + 'x: ' + 'y'.repeat(300_000),
    'with too many headers': OK + 'x: y\r\n'.repeat(3000),
    'with folds without end': OK + 'x: y\r\n' + ' z\r\n'.repeat(70_000),
    'with a status line without an end': 'HTTP/1.1 200 ' + 'y'.repeat(300_000),
    'in HTTP/0.9': '<html>',
    'with empty lines before it, without end': '\r\n'.repeat(140_000),
    'in HTTP/2': 'HTTP/2.0 200 OK\r\n\r\n',
    'with the frames of HTTP/2': '\0\0\u0012\x04\0\0\0\0\0',
    'in TLS': '\x15\x03\x01\0\x02\x02\x46',
    'in HTTP/1.2': 'HTTP/1.2 200 OK\r\n\r\n',
    'with a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'with a status glued to its text': 'HTTP/1.1 200OK\r\n\r\n',
    'with the status 000': 'HTTP/1.1 000 OK\r\n\r\n',
    'with a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
    'with a negative status': 'HTTP/1.1 -20 OK\r\n\r\n',
    'with a bare CR in the status line': 'HTTP/1.1 200 a\rb\r\n\r\n',
    'with a switch of protocols':
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    'with interim responses without end': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(10_000),
    'with a chunk without a size': `${CHUNKED}\r\nabc\r\n0\r\n\r\n`,
    'with a chunk size that is no number': `${CHUNKED}xyz\r\nabc\r\n0\r\n\r\n`,
    'with a chunk size with a prefix': `${CHUNKED}0x3\r\nabc\r\n0\r\n\r\n`,
    'with a negative chunk size': `${CHUNKED}-3\r\nabc\r\n0\r\n\r\n`,
    'with a chunk size followed by garbage': `${CHUNKED}3 abc\r\nabc\r\n0\r\n\r\n`,
    'with a chunk size that no number holds': `${CHUNKED}ffffffffffffffffff\r\nabc`,
    'with a chunk longer than its size': `${CHUNKED}3\r\nabcd\r\n0\r\n\r\n`,
    'with a chunk line that ends in a bare LF': `${CHUNKED}3\nabc\r\n0\r\n\r\n`,
    'with a chunk size of zeros without an end': CHUNKED + '0'.repeat(70_000),
    'with trailers that end in a bare LF': `${CHUNKED}0\r\nx: y\n\n`,
    'with a chunk that ends in a bare LF': `${CHUNKED}3\r\nabc\n0\r\n\r\n`,
    'with a chunk extension without an end': `${CHUNKED}3;${'x'.repeat(70_000)}`,
    'with trailers without end': CHUNKED + '0\r\n' + 'x: y\r\n'.repeat(300),
    'with a trailer that is no header': `${CHUNKED}0\r\nGET / HTTP/1.1\r\n\r\n`,
  };
  for (const [how, answer] of Object.entries(refused)) {
    it(how, async () => {
      await using upstream = await cannedUpstream([answer]);
      await rejectsWith(textOf(upstream.client.fetch('/')), 'response');
      await upstream.tcp.allClosed();
    });
  }
});

describe('an answer that ends before it is complete', { timeout: 60_000 }, () => {
  const cut: [string, string, TunnelFetchErrorCode][] = [
    ['with nothing', '', 'connection'],
    ['in the status line', 'HTTP/1.1 200 O', 'connection'],
    ['in the head', `${OK}content-length: 0\r\n`, 'connection'],
    ['after an interim response', 'HTTP/1.1 100 Continue\r\n\r\n', 'connection'],
    ['before a body with a length', `${OK}content-length: 5\r\n\r\n`, 'connection'],
    ['in a body with a length', `${OK}content-length: 5\r\n\r\nabcd`, 'connection'],
    ['before the first chunk', CHUNKED, 'connection'],
    ['in a chunk', `${CHUNKED}5\r\nabcd`, 'connection'],
    ['between chunks', `${CHUNKED}5\r\nabcde\r\n`, 'connection'],
    ['in the last chunk', `${CHUNKED}5\r\nabcde\r\n0\r\n`, 'connection'],
    ['in the trailers', `${CHUNKED}0\r\nx: y\r\n`, 'connection'],
  ];
  for (const [where, answer, code] of cut) {
    it(`fails, never a short body: ${where}`, async () => {
      await using upstream = await tcpUpstream((socket) => {
        onRequestHead(socket, () => socket.end(answer, 'latin1'));
      });
      await rejectsWith(textOf(upstream.client.fetch('/')), code, /ended the connection/);
      await upstream.tcp.allClosed();
    });
  }

  it('fails when the connection is reset in the middle of a body that ends with it', async () => {
    let reset: () => void = () => undefined;
    await using upstream = await tcpUpstream((socket) => {
      onRequestHead(socket, () => socket.write(`${OK}\r\nabc`));
      reset = () => socket.resetAndDestroy();
    });
    const reader = (await upstream.client.fetch('/')).body?.getReader();
    assert.equal((await reader?.read())?.value?.length, 3);
    reset();
    await rejectsWith(Promise.resolve(reader?.read()), 'connection', /was lost/);
  });

  it('gives what has come, and then the failure', async () => {
    await using upstream = await tcpUpstream((socket) => {
      onRequestHead(socket, () => socket.end(`${OK}content-length: 5\r\n\r\nabcd`));
    });
    const reader = (await upstream.client.fetch('/')).body?.getReader();
    assert.equal(String(Buffer.from((await reader?.read())?.value ?? [])), 'abcd');
    await rejectsWith(Promise.resolve(reader?.read()), 'connection');
  });
});

async function textOf(response: Promise<Response>): Promise<string> {
  return (await response).text();
}
