/**
 * What the fetch standard, as web-platform-tests look at it, and RFC 6455, as Autobahn's test suite looks at it, expect
 * of a client, as far as it can be seen of a function that is like `fetch` and a class that is like `WebSocket`.
 *
 * @module
 */
import { acceptFor } from '../../src/websocket/handshake.js';
import { TunnelWebSocket } from '../../src/websocket/index.js';
import { bytesOf, memoryClient, textOf, type Seen } from './memory-upstream.js';

/** An expectation, and a look at whether it is met. */
export interface StandardRow {
  readonly area: string;
  readonly what: string;
  /** What the standard says; JSON. */
  readonly expected: unknown;
  readonly look: () => Promise<unknown>;
  /** Why it is otherwise here, and what it is. */
  readonly otherwise?: { readonly why: string; readonly result: unknown };
}

const OK = 'HTTP/1.1 200 OK\r\n';
const text = (body: string, ...fields: string[]) =>
  `${OK}${fields.map((field) => `${field}\r\n`).join('')}content-length: ${body.length}\r\n\r\n${body}`;

/** What the upstream sees of a request. */
async function seen(input: RequestInfo | URL, init?: RequestInit): Promise<Seen> {
  let got: Seen | undefined;
  const client = memoryClient((request) => {
    got = request;
    return text('');
  });
  await (await client.fetch(input, init)).text();
  if (got === undefined) throw new Error('nothing was asked');
  return got;
}

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) =>
      error instanceof TypeError ? 'TypeError' : error instanceof Error ? error.name : String(error),
  );

/** Fetches what redirects from `/` to `/to`, and tells of the request that comes there. */
async function redirected(status: number, method: string, location = '/to', body?: string): Promise<string> {
  const requests: string[] = [];
  const client = memoryClient((request) => {
    requests.push([request.method, request.target, request.body].join(' ').trim());
    if (requests.length > 1) return text('');
    return `HTTP/1.1 ${status} Moved\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`;
  });
  const response = await client.fetch('/from', { method, ...(body !== undefined && { body }) });
  return `${requests.at(-1)} ${response.redirected}`;
}

const response = (answer: string, init?: RequestInit) => memoryClient(() => answer).fetch('/', init);

const BODIES: readonly [string, () => BodyInit, string | null][] = [
  ['a string', () => 'text', 'text/plain;charset=UTF-8'],
  ['a Blob', () => new Blob(['text'], { type: 'a/b' }), 'a/b'],
  [
    'URLSearchParams',
    () => new URLSearchParams({ ab: 'c' }),
    'application/x-www-form-urlencoded;charset=UTF-8',
  ],
  ['an ArrayBuffer', () => new Uint8Array(4).buffer, null],
  ['a typed array', () => new Uint8Array(4), null],
];

const fetchRows: readonly StandardRow[] = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method) => ({
    area: 'fetch/api/basic',
    what: `${method} is sent as it is`,
    expected: method,
    look: async () => (await seen('/', { method })).method,
  })),
  ...['get', 'head', 'post', 'put', 'delete', 'options'].map((method) => ({
    area: 'fetch/api/request',
    what: `${method} is sent in capitals`,
    expected: method.toUpperCase(),
    look: async () => (await seen('/', { method })).method,
  })),
  {
    area: 'fetch/api/request',
    what: 'patch is sent as it is',
    expected: 'patch',
    look: async () => (await seen('/', { method: 'patch' })).method,
  },
  ...['CONNECT', 'TRACE', 'TRACK', 'in valid', ''].map((method) => ({
    area: 'fetch/api/request',
    what: `the method "${method}" is refused`,
    expected: 'TypeError',
    look: () => errorOf(response(text(''), { method })),
  })),
  ...['GET', 'HEAD'].map((method) => ({
    area: 'fetch/api/request',
    what: `${method} with a body is refused`,
    expected: 'TypeError',
    look: () => errorOf(response(text(''), { method, body: 'text' })),
  })),
  ...BODIES.map(([what, body, type]) => ({
    area: 'fetch/api/request',
    what: `${what} is sent with its length and type`,
    expected: ['4', type],
    look: async () => {
      const { headers } = await seen('/', { method: 'POST', body: body() });
      return [headers.get('content-length'), headers.get('content-type')];
    },
  })),
  {
    area: 'fetch/api/basic',
    what: 'Accept is */* unless given',
    expected: ['*/*', 'a/b'],
    look: async () => [
      (await seen('/')).headers.get('accept'),
      (await seen('/', { headers: { accept: 'a/b' } })).headers.get('accept'),
    ],
  },
  {
    area: 'fetch/api/headers',
    what: 'header values lose the blanks around them',
    expected: 'a b',
    look: async () => (await seen('/', { headers: { x: ' \t a b\t ' } })).headers.get('x'),
  },
  {
    area: 'fetch/api/headers',
    what: 'a header value with a line end or NUL is refused',
    expected: ['TypeError', 'TypeError', 'TypeError'],
    look: () =>
      Promise.all(['a\nb', 'a\rb', 'a\0b'].map((x) => errorOf(response(text(''), { headers: { x } })))),
  },
  {
    area: 'fetch/api/headers',
    what: 'forbidden request headers are dropped',
    expected: [null, null],
    look: async () => {
      const { headers } = await seen('/', { headers: { te: 'trailers', 'transfer-encoding': 'chunked' } });
      return [headers.get('te'), headers.get('transfer-encoding')];
    },
  },
  {
    area: 'fetch/api/headers',
    what: 'Cookie cannot be set',
    expected: null,
    look: async () => (await seen('/', { headers: { cookie: 'a=b' } })).headers.get('cookie'),
    otherwise: {
      why: 'the upstream belongs to the application alone, and no cookies are stored',
      result: 'a=b',
    },
  },
  {
    area: 'fetch/api/response',
    what: 'the same response header twice is joined',
    expected: 'a, b',
    look: async () => (await response(text('', 'x: a', 'X: b'))).headers.get('x'),
  },
  {
    area: 'fetch/api/response',
    what: 'Set-Cookie is not shown',
    expected: [],
    look: async () => (await response(text('', 'set-cookie: a=1', 'set-cookie: b=2'))).headers.getSetCookie(),
    otherwise: { why: 'no cookies are stored, so who wants them has to read them', result: ['a=1', 'b=2'] },
  },
  {
    area: 'fetch/api/response',
    what: 'response headers cannot be changed',
    expected: 'TypeError',
    look: async () => {
      const { headers } = await response(text(''));
      return errorOf(Promise.resolve().then(() => headers.set('a', 'b')));
    },
    otherwise: { why: 'no script can make such headers', result: 'none' },
  },
  {
    area: 'fetch/api/response',
    what: 'the type is basic',
    expected: 'basic',
    look: async () => (await response(text(''))).type,
    otherwise: { why: 'no script can make such a response', result: 'default' },
  },
  ...[204, 205, 304].map((status) => ({
    area: 'fetch/api/response',
    what: `${status} has no body`,
    expected: [status, true, ''],
    look: async () => {
      const got = await response(`HTTP/1.1 ${status} None\r\n\r\n`);
      return [got.status, got.body === null, await got.text()];
    },
  })),
  {
    area: 'fetch/api/response',
    what: 'the answer to HEAD has no body, and keeps its length',
    expected: [true, '9'],
    look: async () => {
      const got = await response(`${OK}content-length: 9\r\n\r\n`, { method: 'HEAD' });
      return [got.body === null, got.headers.get('content-length')];
    },
  },
  {
    area: 'fetch/api/response',
    what: 'text(), json(), blob(), arrayBuffer() read the body, once',
    expected: ['{"a":1}', { a: 1 }, 'application/json', 7, 'TypeError'],
    look: async () => {
      const got = await response(text('{"a":1}', 'content-type: application/json'));
      const clones = [got.clone(), got.clone(), got.clone()] as const;
      const read = [
        await clones[0].text(),
        (await clones[1].json()) as unknown,
        (await clones[2].blob()).type,
      ] as const;
      return [...read, (await got.arrayBuffer()).byteLength, await errorOf(got.text())];
    },
  },
  {
    area: 'fetch/api/response',
    what: 'a clone of a body that is being read is refused',
    expected: 'TypeError',
    look: async () => {
      const got = await response(text('text'));
      await got.text();
      return errorOf(Promise.resolve().then(() => got.clone()));
    },
  },
  {
    area: 'fetch/api/response',
    what: 'a body can be cancelled',
    expected: 'none',
    look: async () => errorOf((await response(text('text'))).body?.cancel() ?? Promise.reject(new Error())),
  },
  {
    area: 'fetch/api/basic',
    what: 'the reason phrase is kept',
    expected: ['Not  Here', false, 404],
    look: async () => {
      const got = await response('HTTP/1.1 404 Not  Here\r\ncontent-length: 0\r\n\r\n');
      return [got.statusText, got.ok, got.status];
    },
  },
  {
    area: 'fetch/api/basic',
    what: "the response's URL has no fragment",
    expected: 'http://upstream/a?b',
    look: async () => (await memoryClient(() => text('')).fetch('/a?b#c')).url,
  },
  {
    area: 'fetch/api/basic',
    what: 'an empty query is sent',
    expected: ['/a?', '/?', '/a'],
    look: async () => [(await seen('/a?')).target, (await seen('?')).target, (await seen('/a#?')).target],
  },
  {
    area: 'fetch/api/basic',
    what: 'a URL that is not one, has credentials or another scheme is refused',
    expected: ['TypeError', 'TypeError', 'TypeError', 'TypeError'],
    look: () =>
      Promise.all(
        ['http://', 'http://a:b@c/', 'ftp://a/', 'blob:null'].map((url) =>
          errorOf(memoryClient(() => text('')).fetch(url)),
        ),
      ),
  },
  ...[
    [301, 'GET', 'GET /to true'],
    [302, 'HEAD', 'HEAD /to true'],
    [301, 'POST', 'GET /to true'],
    [302, 'POST', 'GET /to true'],
    [303, 'POST', 'GET /to true'],
    [303, 'PUT', 'GET /to true'],
    [303, 'HEAD', 'HEAD /to true'],
    [302, 'PUT', 'PUT /to text true'],
    [307, 'POST', 'POST /to text true'],
    [308, 'POST', 'POST /to text true'],
  ].map(([status, method, expected]) => ({
    area: 'fetch/api/redirect',
    what: `${status} after ${method}`,
    expected,
    look: () =>
      redirected(
        Number(status),
        String(method),
        '/to',
        ['POST', 'PUT'].includes(String(method)) ? 'text' : undefined,
      ),
  })),
  ...[
    ['/caf\xc3\xa9', 'GET /caf%C3%A9 true'],
    ['/a?q=\xc3\xa9', 'GET /a?q=%C3%A9 true'],
    ['/caf\xe9', 'GET /caf%E9 true'],
    ['/a b', 'GET /a%20b true'],
    ['/%c3%a9', 'GET /%c3%a9 true'],
    ['b', 'GET /b true'],
    ['?c', 'GET /from?c true'],
    ['//upstream/d', 'GET /d true'],
    ['/e?', 'GET /e? true'],
  ].map(([location = '', expected]) => ({
    area: 'fetch/api/redirect',
    what: `Location: ${location}`,
    expected,
    look: () => redirected(302, 'GET', location),
  })),
  {
    area: 'fetch/api/redirect',
    what: '20 redirects are followed, 21 are not',
    expected: [200, 'TypeError'],
    look: async () => {
      const times = (count: number) =>
        memoryClient(({ target }) => {
          const done = Number(target.slice(1)) >= count;
          return done ? text('') : `HTTP/1.1 302 Moved\r\nlocation: /${Number(target.slice(1)) + 1}\r\n\r\n`;
        });
      return [(await times(20).fetch('/0')).status, await errorOf(times(21).fetch('/0'))];
    },
  },
  {
    area: 'fetch/api/redirect',
    what: 'an empty Location leads round in circles',
    expected: 'TypeError',
    look: () => errorOf(response('HTTP/1.1 302 Moved\r\nlocation:\r\ncontent-length: 0\r\n\r\n')),
  },
  {
    area: 'fetch/api/redirect',
    what: 'without a Location there is no redirect',
    expected: [302, 'text', false],
    look: async () => {
      const got = await response('HTTP/1.1 302 Moved\r\ncontent-length: 4\r\n\r\ntext');
      return [got.status, await got.text(), got.redirected];
    },
  },
  {
    area: 'fetch/api/redirect',
    what: 'redirect: error fails',
    expected: 'TypeError',
    look: () => errorOf(response('HTTP/1.1 302 Moved\r\nlocation: /\r\n\r\n', { redirect: 'error' })),
  },
  {
    area: 'fetch/api/redirect',
    what: 'redirect: manual hides the redirect',
    expected: [0, null],
    look: async () => {
      const got = await response('HTTP/1.1 302 Moved\r\nlocation: /a\r\n\r\n', { redirect: 'manual' });
      return [got.status, got.headers.get('location')];
    },
    otherwise: { why: 'the application may follow it itself', result: [302, '/a'] },
  },
  {
    area: 'fetch/api/redirect',
    what: 'a fragment is inherited',
    expected: 'GET /to true',
    look: () => redirected(302, 'GET', '/to#fragment'),
  },
  {
    area: 'fetch/api/abort',
    what: 'an aborted signal rejects with its reason',
    expected: ['AbortError', 'reason'],
    look: () =>
      Promise.all([
        errorOf(response(text(''), { signal: AbortSignal.abort() })),
        errorOf(response(text(''), { signal: AbortSignal.abort('reason') })),
      ]),
  },
  {
    area: 'fetch/api/abort',
    what: 'the signal errors the body, too',
    expected: 'AbortError',
    look: async () => {
      const control = new AbortController();
      const client = memoryClient(() => ({ text: `${OK}content-length: 9\r\n\r\ntext`, stays: true }));
      const got = await client.fetch('/', { signal: control.signal });
      control.abort();
      // Chromium's text() tells of any failure by a TypeError.
      const reader = got.body?.getReader();
      for (;;) {
        const error = await errorOf(Promise.resolve(reader?.read()));
        if (error !== 'none') return error;
      }
    },
  },
  {
    area: 'fetch/content-length',
    what: 'a body shorter than its length fails',
    expected: 'TypeError',
    look: async () => errorOf((await response(`${OK}content-length: 5\r\n\r\ntext`)).text()),
  },
  {
    area: 'fetch/http-connection',
    what: 'a GET on a kept connection that answers 408 is sent again',
    expected: ['a', 'b'],
    look: async () => {
      let requests = 0;
      const client = memoryClient(() => {
        requests += 1;
        if (requests === 1) return { text: text('a'), stays: true };
        if (requests === 2)
          return 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
        return text('b');
      });
      const get = async () => (await client.fetch('/')).text();
      return [await get(), await get()];
    },
  },
  {
    area: 'xhr/resources',
    what: 'a large body, as a Request or not, has its length',
    expected: ['100000', '100000', '100000'],
    look: async () => {
      const init = { method: 'POST', body: 'a'.repeat(100_000) };
      const requests = [seen('/', init), seen(new Request('http://upstream/', init))];
      const blob = { method: 'POST', body: new Blob([init.body]) };
      requests.push(seen(new Request('http://upstream/', blob)));
      return (await Promise.all(requests)).map(({ headers }) => headers.get('content-length'));
    },
  },
];

/** A frame as a server sends it. */
function frame(first: number, payload: string): string {
  const { length } = payload;
  const head = length < 126 ? [first, length] : [first, 126, length >> 8, length & 0xff];
  return String.fromCharCode(...head) + payload;
}

/** What happens to a WebSocket whose server sends this; the first bytes of what it answers, unmasked. */
async function conversation(answer: string): Promise<string[]> {
  let got = '';
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const readable = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
  const writable = new WritableStream<Uint8Array>({
    async write(bytes) {
      got += textOf(bytes);
      const [, key] = /Sec-WebSocket-Key: (\S+)\r\n/.exec(got) ?? [];
      if (!got.endsWith('\r\n\r\n') || key === undefined) return;
      const accept = await acceptFor(key);
      const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
      controller?.enqueue(
        bytesOf(`HTTP/1.1 101 Switching Protocols\r\n${fields.join('\r\n')}\r\n\r\n${answer}`),
      );
      controller?.close();
    },
  });
  const opened = Promise.resolve({ remoteAddress: 'memory' });
  const socket = new TunnelWebSocket(
    () => ({ readable, writable, opened, closed: Promise.resolve(), close: () => Promise.resolve() }),
    'ws://upstream/',
  );
  socket.binaryType = 'arraybuffer';
  const events: string[] = [];
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    events.push(typeof data === 'string' ? `text ${data}` : `binary ${textOf(new Uint8Array(data))}`);
  };
  await new Promise<void>((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => {
      events.push([`close ${code}`, reason, wasClean ? '' : 'unclean'].filter(Boolean).join(' '));
      resolve();
    };
  });
  return events;
}

const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;
const FIN = 0x80;
const END = frame(CLOSE, '\x03\xe8');
const CLEAN = 'close 1000';
const FAILED = ['close 1006 unclean'];

const socketRows: readonly [string, string, string, readonly string[]][] = [
  ['1 framing', 'an empty text', frame(TEXT, '') + END, ['text ', CLEAN]],
  [
    '1 framing',
    'a text of 125 bytes',
    frame(TEXT, 'a'.repeat(125)) + END,
    [`text ${'a'.repeat(125)}`, CLEAN],
  ],
  [
    '1 framing',
    'a text of 126 bytes',
    frame(TEXT, 'a'.repeat(126)) + END,
    [`text ${'a'.repeat(126)}`, CLEAN],
  ],
  ['1 framing', 'an empty binary', frame(BINARY, '') + END, ['binary ', CLEAN]],
  ['1 framing', 'a binary', frame(BINARY, '\0\xff') + END, ['binary \0\xff', CLEAN]],
  ['2 pings', 'a ping is no message', frame(PING, 'a') + END, [CLEAN]],
  ['2 pings', 'a ping of 126 bytes fails', frame(PING, 'a'.repeat(126)), FAILED],
  ['2 pings', 'a pong that was not asked for', frame(PONG, 'a') + frame(TEXT, 'b') + END, ['text b', CLEAN]],
  ['3 reserved bits', 'RSV1 fails', frame(TEXT | 0x40, 'a'), FAILED],
  ['3 reserved bits', 'RSV2 fails', frame(TEXT | 0x20, 'a'), FAILED],
  [
    '3 reserved bits',
    'RSV3 behind a text',
    frame(TEXT, 'a') + frame(TEXT | 0x10, 'b'),
    ['text a', ...FAILED],
  ],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, string, string, readonly string[]] => [
    '4 opcodes',
    `opcode ${opcode} fails`,
    frame(FIN | opcode, 'a'),
    FAILED,
  ]),
  ['5 fragmentation', 'a text in two', frame(1, 'a') + frame(FIN, 'b') + END, ['text ab', CLEAN]],
  [
    '5 fragmentation',
    'a ping between',
    frame(1, 'a') + frame(PING, '') + frame(FIN, 'b') + END,
    ['text ab', CLEAN],
  ],
  ['5 fragmentation', 'a ping in two fails', frame(9, 'a') + frame(FIN, 'b'), FAILED],
  ['5 fragmentation', 'a continuation of nothing fails', frame(FIN, 'a'), FAILED],
  ['5 fragmentation', 'a text within a text fails', frame(1, 'a') + frame(TEXT, 'b'), FAILED],
  ['6 UTF-8', 'valid', frame(TEXT, '\xce\xba') + END, ['text κ', CLEAN]],
  ['6 UTF-8', 'a character in two frames', frame(1, '\xce') + frame(FIN, '\xba') + END, ['text κ', CLEAN]],
  ['6 UTF-8', 'cut short fails', frame(TEXT, '\xce'), FAILED],
  ['6 UTF-8', 'a surrogate fails', frame(TEXT, '\xed\xa0\x80'), FAILED],
  ['6 UTF-8', 'overlong fails', frame(TEXT, '\xc0\x80'), FAILED],
  ['6 UTF-8', 'beyond U+10FFFF fails', frame(TEXT, '\xf4\x90\x80\x80'), FAILED],
  ['7 closing', 'without a code', frame(CLOSE, ''), ['close 1005']],
  ['7 closing', 'with a code and a reason', frame(CLOSE, '\x03\xe8bye'), ['close 1000 bye']],
  ['7 closing', 'with half a code fails', frame(CLOSE, '\x03'), FAILED],
  ['7 closing', 'with a reason of 124 bytes fails', frame(CLOSE, `\x03\xe8${'a'.repeat(124)}`), FAILED],
  ['7 closing', 'with a reason that is not UTF-8 fails', frame(CLOSE, '\x03\xe8\xff'), FAILED],
  ['7 closing', 'what comes behind it is ignored', END + frame(TEXT, 'a'), [CLEAN]],
  ...[1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999].map(
    (code): [string, string, string, readonly string[]] => [
      '7 closing',
      `with ${code}`,
      frame(CLOSE, String.fromCharCode(code >> 8, code & 0xff)),
      [`close ${code}`],
    ],
  ),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 5000, 65535].map(
    (code): [string, string, string, readonly string[]] => [
      '7 closing',
      `with ${code} fails`,
      frame(CLOSE, String.fromCharCode(code >> 8, code & 0xff)),
      FAILED,
    ],
  ),
  [
    '10 lengths',
    'a text of 60,000 bytes',
    frame(TEXT, 'a'.repeat(60_000)) + END,
    [`text ${'a'.repeat(60_000)}`, CLEAN],
  ],
];

export const STANDARD: readonly StandardRow[] = [
  ...fetchRows,
  ...socketRows.map(([part, what, answer, expected]) => ({
    area: `websockets: ${part}`,
    what,
    expected,
    look: () => conversation(answer),
  })),
];
