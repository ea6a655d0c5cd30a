import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HttpClient } from '../../src/http/index.js';
import { deferred } from './deferred.js';
import { rejectsWith } from './failures.js';
import { httpUpstream } from './upstream.js';

describe('closing a client', { timeout: 60_000 }, () => {
  it('breaks off what waits, what uploads, what is answered, and closes every socket', async () => {
    const asked = deferred();
    await using upstream = await httpUpstream(
      (request, response) => {
        if (request.url === '/body') response.write('some');
        if (request.url === '/head') asked.resolve();
        if (request.url === '/idle') response.end();
      },
      { maxSockets: 3 },
    );
    await (await upstream.client.fetch('/idle')).text();
    const body = (await upstream.client.fetch('/body')).text();
    const cancelled = deferred<unknown>();
    const stream = new ReadableStream({ cancel: cancelled.resolve });
    const upload = upstream.client.fetch('/upload', { method: 'POST', body: stream });
    const head = upstream.client.fetch('/head');
    const waiting = upstream.client.fetch('/waiting');
    await asked.promise;
    const ends = [body, upload, head, waiting].map((promise) =>
      rejectsWith(promise, 'closed', /make a new one/),
    );
    await upstream.client.close();
    assert.equal(upstream.tcp.openCount(), 0);
    await Promise.all([...ends, cancelled.promise]);
  });

  it('refuses later fetches, and lets go of their bodies', async () => {
    const client = new HttpClient({ connect: () => assert.fail('no socket may be opened') });
    await client.close();
    const cancelled = deferred<unknown>();
    const body = new ReadableStream({ cancel: cancelled.resolve });
    await rejectsWith(client.fetch('/', { method: 'POST', body }), 'closed');
    await cancelled.promise;
  });

  it('twice is no different from once, and leaves complete responses alone', async () => {
    await using upstream = await httpUpstream((_, response) => response.end('ok'));
    const response = await upstream.client.fetch('/');
    await Promise.all([upstream.client.close(), upstream.client.close()]);
    assert.equal(await response.text(), 'ok');
  });
});
