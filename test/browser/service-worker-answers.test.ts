import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Script } from 'node:vm';

import { tunnelAnswers } from '../../src/browser/service-worker/answers.js';
import type { HttpLine } from '../../src/browser/service-worker/http-line.js';
import { placeOf } from '../../src/browser/service-worker/place.js';
import { TunnelFetchError } from '../../src/http/errors.js';
import { MixnetClientError } from '../../src/mixnet/errors.js';
import { SessionError, type SessionErrorCode } from '../../src/session/errors.js';

const APP = 'http://127.0.0.1:8071';
const place = placeOf(`${APP}/browse/`, 'http://upstream/');
const limit = { timeout: 20_000 };

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A line that stays. */
const lasting = (fetch: Fetch): HttpLine => ({ fetch, lost: new Promise(() => undefined) });

/** Has events answered as the browser would. */
function worker(open: () => Promise<HttpLine>, responseTimeoutMs = 10_000) {
  const listener = tunnelAnswers({ place, open, responseTimeoutMs });
  return (path: string, init: RequestInit & { navigates?: boolean } = {}) => {
    const request = new Request(new URL(path, APP), init);
    // No script can make such a request.
    if (init.navigates) Object.defineProperty(request, 'mode', { value: 'navigate' });
    let answer: Promise<Response> | undefined;
    let done: Promise<unknown> | undefined;
    const event = Object.assign(new Event('fetch'), {
      request,
      respondWith: (given: Promise<Response>) => (answer = given),
      waitUntil: (work: Promise<unknown>) => (done = work),
    });
    listener(event);
    assert.ok(answer && done);
    return { answer, done };
  };
}

const answering = (fetch: Fetch) => worker(() => Promise.resolve(lasting(fetch)));
const failing = (error: Error) => answering(() => Promise.reject(error));

describe('the answers of the service worker', limit, () => {
  it('are what the upstream says to what the page asks', async () => {
    const asked: [string, string | undefined, RequestRedirect | undefined][] = [];
    const ask = answering((url, { method, redirect }) => {
      asked.push([url, method, redirect]);
      return Promise.resolve(new Response('hello', { status: 201, headers: { 'x-own': 'a' } }));
    });
    const response = await ask('/browse/a?b', { method: 'PUT', body: 'c' }).answer;
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('x-own'), 'a');
    assert.equal(await response.text(), 'hello');
    assert.deepEqual(asked, [['http://upstream/a?b', 'PUT', 'manual']]);
  });

  it('keep the browser from stopping the worker until the body has ended, however it ends', async () => {
    const source = new TransformStream<Uint8Array, Uint8Array>();
    const writer = source.writable.getWriter();
    const { answer, done } = answering(() => Promise.resolve(new Response(source.readable)))('/browse/');
    let isDone = false;
    void done.then(() => (isDone = true));
    const reader = (await answer).body?.getReader();
    assert.ok(reader);
    void writer.write(Uint8Array.of(1));
    assert.deepEqual(await reader.read(), { done: false, value: Uint8Array.of(1) });
    assert.equal(isDone, false);
    void writer.close();
    assert.equal((await reader.read()).done, true);
    await done;

    const fails = new ReadableStream({ start: (controller) => controller.error(new Error('broken')) });
    const broken = answering(() => Promise.resolve(new Response(fails)))('/browse/');
    await assert.rejects((await broken.answer).text(), /broken/);
    await broken.done;

    let why: unknown;
    const endless = new ReadableStream({ cancel: (reason: unknown) => void (why = reason) });
    const unwanted = answering(() => Promise.resolve(new Response(endless)))('/browse/');
    await (await unwanted.answer).body?.cancel('enough');
    await unwanted.done;
    assert.equal(why, 'enough');
  });

  it('do not keep it from that for so long that the browser would stop the worker for it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { answer, done } = answering(() => Promise.resolve(new Response(new ReadableStream())))('/browse/');
    const { body } = await answer;
    t.mock.timers.tick(4 * 60_000);
    await done;
    assert.equal(body?.locked, false);
  });

  it('send the browser on to where it finds the page here', async () => {
    const to = (location: string) =>
      answering(() => Promise.resolve(new Response('moved', { status: 302, headers: { location } })));
    const cases: [string, string][] = [
      ['next?a#b', `${APP}/browse/d/next?a#b`],
      ['/next', `${APP}/browse/next`],
      ['//upstream/x', `${APP}/browse/x`],
      ['http://upstream//other/x', `${APP}/browse//other/x`],
    ];
    for (const [location, placed] of cases) {
      const { answer, done } = to(location)('/browse/d/e', { navigates: true });
      const { status, headers } = await answer;
      assert.deepEqual([status, headers.get('location')], [302, placed]);
      await done;
    }
  });

  it('do not send it anywhere else', async () => {
    const cases: [string, number, RegExp][] = [
      ['https://upstream/', 502, /wants https/],
      ['http://other/', 403, /leads out/],
      ['ftp://upstream/', 403, /leads out/],
      ['http://', 502, /no sense/],
    ];
    for (const [location, status, text] of cases) {
      const headers = { location };
      const ask = answering(() => Promise.resolve(new Response(null, { status: 301, headers })));
      const response = await ask('/browse/').answer;
      assert.equal(response.status, status, location);
      assert.equal(response.headers.get('location'), null);
      assert.match(await response.text(), text);
    }
  });

  it('hold the guard in pages, and in nothing else', async () => {
    const ask = (type: string, extra: Record<string, string> = {}, status = 200) =>
      answering(() =>
        Promise.resolve(new Response('<p>', { status, headers: { 'content-type': type, ...extra } })),
      );
    const html = 'text/html; charset=utf-8';
    const page = await ask(html, { 'content-length': '3' })('/browse/', { navigates: true }).answer;
    assert.equal(await page.text(), '<script src="/browse/.nym-tcp-proxy/guard.js"></script><p>');
    const policy = { 'content-security-policy': "script-src 'strict-dynamic' 'nonce-a'" };
    const strict = await ask(html, policy)('/browse/', { navigates: true }).answer;
    assert.match(await strict.text(), /guard\.js" integrity="sha256-[^"]+"><\/script><p>$/);
    assert.equal(page.headers.get('content-length'), null);
    const others = [
      ask(html)('/browse/'),
      ask('text/plain')('/browse/', { navigates: true }),
      ask(html, { 'content-disposition': 'attachment' })('/browse/', { navigates: true }),
      ask(html, {}, 206)('/browse/', { navigates: true }),
    ];
    for (const { answer } of others) assert.equal(await (await answer).text(), '<p>');
    const untyped = answering(() => Promise.resolve(new Response(new Blob(['<p>']).stream())));
    const sniffed = await untyped('/browse/', { navigates: true }).answer;
    assert.equal(await sniffed.text(), '<script src="/browse/.nym-tcp-proxy/guard.js"></script><p>');
    assert.equal(sniffed.headers.get('content-type'), 'text/html');
    const guard = await ask('')('/browse/.nym-tcp-proxy/guard.js').answer;
    assert.equal(guard.headers.get('content-type'), 'text/javascript; charset=utf-8');
    // It has to be a program.
    assert.ok(new Script(await guard.text()));
  });

  it('are kept under the name that a link gives', async () => {
    const ask = answering(() => Promise.resolve(new Response('a')));
    const { headers, body } = await ask("/browse/.nym-tcp-proxy/download?to=%2Fa&name=%C3%A4'.txt").answer;
    await body?.cancel();
    assert.equal(headers.get('content-disposition'), "attachment; filename*=UTF-8''%C3%A4%27.txt");
  });

  it('come from a tab that is found once, and again after it was lost', async () => {
    let opened = 0;
    let lose: () => void = () => undefined;
    const ask = worker(() => {
      opened += 1;
      const lost = new Promise<void>((resolve) => (lose = resolve));
      return Promise.resolve({ fetch: () => Promise.resolve(new Response(String(opened))), lost });
    });
    const text = async () => (await ask('/browse/').answer).text();
    assert.deepEqual([await text(), await text()], ['1', '1']);
    lose();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await text(), '2');
  });

  it('are asked for once more if the tab went away meanwhile, unless that could do something twice', async () => {
    for (const [method, isRepeated] of [
      ['GET', true],
      ['PUT', true],
      ['POST', false],
    ] as const) {
      let opened = 0;
      const bodies: string[] = [];
      const ask = worker(() => {
        opened += 1;
        if (opened === 2) return Promise.reject(new MixnetClientError('state', 'not yet'));
        const isFirst = opened === 1;
        return Promise.resolve(
          lasting(async (_, { body }) => {
            bodies.push(body ? await new Response(body).text() : '');
            if (!isFirst) return new Response('hello');
            throw new TunnelFetchError('connection', 'gone', { cause: new SessionError('lost', 'us') });
          }),
        );
      });
      const body = method === 'GET' ? null : 'sent';
      const response = await ask('/browse/', { method, body }).answer;
      await response.body?.cancel();
      assert.equal(response.status, isRepeated ? 200 : 503);
      assert.deepEqual(bodies, isRepeated ? [body ?? '', body ?? ''] : [body]);
    }
  });

  it('say how long bodies are, the long ones too, as servers do not all understand chunks', async () => {
    const sent: unknown[] = [];
    const ask = answering(async (_, { body }) => {
      sent.push(body instanceof Blob ? body.size : typeof body);
      return new Response(String((await new Response(body ?? null).arrayBuffer()).byteLength));
    });
    const post = async (bytes: number) =>
      (await ask('/browse/', { method: 'POST', body: new Uint8Array(bytes) }).answer).text();
    assert.deepEqual([await post(10), await post(300_000)], ['10', '300000']);
    assert.deepEqual(sent, [10, 300_000]);
  });

  const failures: [Error, number, RegExp][] = [
    [new MixnetClientError('state', 'nobody'), 503, /that a tab of the app holds/],
    [new MixnetClientError('gateway', 'gone'), 503, /could not open a connection/],
    ...(
      [
        ['refused', 502, /nothing answers/],
        ['unreachable', 502, /finds no way/],
        ['upstream-reset', 502, /hung up/],
        ['timeout', 504, /No answer in time/],
        ['limit', 503, /Too many/],
        ['token', 502, /token/],
        ['protocol', 502, /no sense/],
      ] satisfies [SessionErrorCode, number, RegExp][]
    ).map(([code, status, text]): [Error, number, RegExp] => [
      new TunnelFetchError('connection', 'broken', { cause: new SessionError(code, 'peer') }),
      status,
      text,
    ]),
    [new TunnelFetchError('connection', 'the upstream ended it'), 502, /hung up/],
    [new TunnelFetchError('response', 'not HTTP'), 502, /no sense/],
  ];
  for (const [error, status, text] of failures) {
    it(`say ${String(text)} on ${error.name} (${error.message})`, async () => {
      const page = failing(error)('/browse/', { navigates: true });
      const { headers } = await page.answer;
      assert.match(await (await page.answer).text(), text);
      assert.equal((await page.answer).status, status);
      assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
      assert.match(headers.get('proxy-status') ?? '', /^nym-tcp-proxy; error=[a-z_]+$/);
      await page.done;
      const line = await failing(error)('/browse/').answer;
      assert.equal(line.status, status);
      assert.equal(line.headers.get('content-type'), 'text/plain; charset=utf-8');
      assert.match(await line.text(), text);
    });
  }

  it('give up on an upstream that does not answer', async () => {
    const never: Fetch = (_, { signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    const ask = worker(() => Promise.resolve(lasting(never)), 20);
    assert.equal((await ask('/browse/').answer).status, 504);
  });

  it('stop the request when the page gives it up, before the answer and in the middle of it', async () => {
    const control = new AbortController();
    let signal: AbortSignal | null | undefined;
    const ask = answering((_, init) => {
      signal = init.signal;
      return Promise.resolve(new Response(new ReadableStream()));
    });
    const { answer } = ask('/browse/', { signal: control.signal });
    const { body } = await answer;
    assert.equal(signal?.aborted, false);
    control.abort();
    assert.equal(signal.aborted, true);
    await body?.cancel();
    const early = failing(new Error('aborted'))('/browse/', { signal: control.signal });
    assert.equal((await early.answer).type, 'error');
    await early.done;
  });

  it('fail like a network where nothing may be asked', async () => {
    const ask = answering(() => assert.fail('somebody was asked'));
    assert.equal((await ask('http://other/').answer).type, 'error');
  });

  it('say nothing that would be markup', async () => {
    const to = encodeURIComponent('https://other/<script>"\'&');
    const ask = answering(() => assert.fail('somebody was asked'));
    const response = await ask(`/browse/.nym-tcp-proxy/outside?to=${to}`, { navigates: true }).answer;
    assert.equal(response.status, 403);
    const html = await response.text();
    assert.ok(html.includes('https://other/&#60;script&#62;&#34;&#39;&#38;'));
    assert.ok(!html.includes('<script>'));
  });

  it('offer to try again what can be tried again', async () => {
    const error = new SessionError('refused', 'peer');
    const get = await failing(error)('/browse/', { navigates: true }).answer;
    assert.match(await get.text(), /<a class="button" href="">Try again/);
    const post = await failing(error)('/browse/', { navigates: true, method: 'POST', body: 'a' }).answer;
    const html = await post.text();
    assert.match(html, /send it again/);
    assert.doesNotMatch(html, /<script|href=""/);
  });
});
