import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';

import { HttpClient } from '../../src/http/index.js';
import { memorySocket } from './memory-socket.js';
import { httpUpstream } from './upstream.js';

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;

/** Lets everything that is ready to run do so. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a download of 10 MiB', { timeout: 60_000 }, () => {
  const framings: Record<string, { head: string; chunk: (bytes: Uint8Array) => Uint8Array; end: string }> = {
    'with a length': { head: `content-length: ${10 * MIB}\r\n`, chunk: (bytes) => bytes, end: '' },
    'in chunks': {
      head: 'transfer-encoding: chunked\r\n',
      chunk: (bytes) =>
        Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]),
      end: '0\r\n\r\n',
    },
    'until the connection ends': { head: '', chunk: (bytes) => bytes, end: '' },
  };
  for (const [how, { head, chunk, end }] of Object.entries(framings)) {
    it(`${how} is read no further ahead than two chunks`, async () => {
      const content = new Uint8Array(CHUNK).fill(7);
      const pieces = (10 * MIB) / CHUNK;
      let given = 0;
      const read = () => {
        given += 1;
        if (given === 1) return Uint8Array.from(Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n`));
        if (given <= pieces + 1) return Uint8Array.from(chunk(content));
        if (given === pieces + 2 && end !== '') return Uint8Array.from(Buffer.from(end));
        return undefined;
      };
      const client = new HttpClient({ connect: () => memorySocket({ read }) });
      const response = await client.fetch('/');
      await settled();
      assert(given <= 2, 'the body is read though nobody asks for it');
      let received = 0;
      let taken = 0;
      for await (const bytes of response.body ?? []) {
        taken += 1;
        received += bytes.length;
        if (taken % 20 === 0) await settled();
        assert(given - 1 - taken <= 2, `${given - 1 - taken} chunks ahead`);
      }
      assert.equal(received, 10 * MIB);
      await client.close();
    });
  }

  it('arrives as it was sent, over TCP', async () => {
    const bytes = Buffer.alloc(10 * MIB).map((_, i) => (i * 31) ^ (i >> 9));
    await using upstream = await httpUpstream((_, response) => void response.end(bytes));
    const hash = createHash('sha256');
    for await (const piece of (await upstream.client.fetch('/')).body ?? []) hash.update(piece);
    assert.equal(hash.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
  });
});

describe('a reader that pauses', { timeout: 60_000 }, () => {
  it('holds the upstream back, which can then send the rest', async () => {
    const total = 64 * MIB;
    let sent = 0;
    await using upstream = await httpUpstream((request, response) => {
      if (request.method === 'HEAD') return void response.end();
      const piece = Buffer.alloc(CHUNK);
      const send = async () => {
        for (; sent < total; sent += CHUNK) if (!response.write(piece)) await once(response, 'drain');
        response.end();
      };
      void send();
    });
    const response = await upstream.client.fetch('/');
    const reader = response.body?.getReader();
    let received = (await reader?.read())?.value?.length ?? 0;
    // Round trips on another socket, which give the upstream time that it cannot use.
    for (let i = 0; i < 50; i += 1) await upstream.client.fetch('/', { method: 'HEAD' });
    assert(sent < total, 'all was read ahead');
    for (;;) {
      const result = await reader?.read();
      if (result?.value === undefined) break;
      received += result.value.length;
    }
    assert.deepEqual([sent, received], [total, total]);
  });
});

describe('a response that comes bit by bit', { timeout: 60_000 }, () => {
  it('reaches its reader event by event', async () => {
    let send: (data: string) => void = () => undefined;
    await using upstream = await httpUpstream((_, response) => {
      response.setHeader('content-type', 'text/event-stream');
      send = (data) => response.write(`data: ${data}\n\n`);
      response.flushHeaders();
    });
    const response = await upstream.client.fetch('/events');
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let i = 0; i < 5; i += 1) {
      send(`event ${i}`);
      assert.equal((await reader?.read())?.value, `data: event ${i}\n\n`);
    }
    await reader?.cancel();
    await upstream.tcp.allClosed();
  });

  it('is complete when it drips byte by byte, head and all', async () => {
    const text =
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n';
    const bytes = [...Buffer.from(text)];
    const read = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return Uint8Array.from(bytes.splice(0, 1));
    };
    const client = new HttpClient({ connect: () => memorySocket({ read }) });
    assert.equal(await (await client.fetch('/')).text(), 'hello world');
    await client.close();
  });
});
