import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';

import { startEchoUpstream } from '../../examples/echo-upstream.js';
import { readMessages } from '../../examples/message.js';
import { startLocalnet } from '../../src/localnet/index.js';
import { runFile } from './child.js';

const IN_TIME = { timeout: 120_000 };
const SINGLE = 'examples/single-connection.js';
const MULTISTREAM = 'examples/multistream.js';
const STREAMS = {
  throughput: 'examples/stream-throughput.js',
  messages: 'examples/stream-messages.js',
  idleTimeout: 'examples/stream-idle-timeout.js',
} as const;

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

describe('the examples', IN_TIME, () => {
  const clients: [string, RegExp][] = [
    ['undici', /^200 hello, \/from-undici$/m],
    ['ws', /^you said: hello$/m],
    ['pg', /^no --upstream was given: .*\nthe answer is 42$/m],
    ['grpc', /^hello, mixnet\ngrpc-status 0$/m],
  ];
  for (const [name, output] of clients) {
    it(`run the client of others through the tunnel: ${name}`, async (t) => {
      const { code, stdout, stderr } = await runFile(t, `examples/${name}.js`).ended;
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, output);
    });
  }

  it('send ten messages over one connection and get them back', async (t) => {
    const { code, stdout, stderr } = await runFile(t, SINGLE, '--max-pause', '0.05').ended;
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(count(stdout, /^>> message \d: \d+ bytes sent$/gm), 10);
    assert.equal(count(stdout, /^<< message \d: \d+ bytes came back after \d+ ms$/gm), 10);
    assert.match(stdout, /All 10 messages came back as they were sent, and in order\.\n$/);
  });

  it('send four messages over each of four connections and get them back', async (t) => {
    const { code, stdout, stderr } = await runFile(t, MULTISTREAM, '--max-pause', '0.05').ended;
    assert.deepEqual([code, stderr], [0, '']);
    for (const connection of [0, 1, 2, 3]) {
      assert.equal(count(stdout, new RegExp(`^<< connection ${connection}, message \\d`, 'gm')), 4);
    }
    assert.match(stdout, /All messages of 4 connections came back as they were sent, and in order\.\n$/);
  });

  it('move bytes each way over one stream, and over fifty at once', async (t) => {
    const { code, stdout, stderr } = await runFile(t, STREAMS.throughput, '--bytes', '100000').ended;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^1 stream, 100000 bytes each way over each$/m);
    assert.match(stdout, /^50 streams at once, 2000 bytes each way over each$/m);
    assert.equal(count(stdout, /^(>>|<<) 100000 bytes in \d+\.\d\d s, \d+ kB\/s$/gm), 4);
    assert.deepEqual(stdout.match(/^All \d+ hashes are right\.$/gm), [
      'All 2 hashes are right.',
      'All 100 hashes are right.',
    ]);
  });

  it('send messages over a stream, and see one that is idle end at both ends', async (t) => {
    const [messages, idle] = await Promise.all(
      [STREAMS.messages, STREAMS.idleTimeout].map((file) => runFile(t, file).ended),
    );
    assert.deepEqual([messages?.code, messages?.stderr, idle?.code, idle?.stderr], [0, '', 0, '']);
    assert.equal(count(messages?.stdout ?? '', /^<< you said ".+" \(after \d+ ms\)$/gm), 3);
    assert.match(messages?.stdout ?? '', /Both ends have closed the stream\.\n$/);
    assert.match(idle?.stdout ?? '', /5 bytes sent, 5 arrived/);
    assert.equal(count(idle?.stdout ?? '', /^ +(here|there) +timeout: /gm), 2);
  });

  it('use another network and server if told so', async (t) => {
    const localnet = await startLocalnet();
    t.after(() => localnet.close());
    const directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
    t.after(() => rm(directory, { recursive: true }));
    const env = join(directory, 'localnet.env');
    await writeFile(env, localnet.envFile());
    const upstream = await startEchoUpstream();
    t.after(() => upstream[Symbol.asyncDispose]());
    const server = runFile(
      t,
      'src/node/cli/server.js',
      ...['-u', upstream.address, '-e', env, '--ephemeral', '--traffic', 'fast'],
    );
    const [, address = ''] = await server.until('stdout', /^(\S+)\n/);
    const example = runFile(t, MULTISTREAM, '-e', env, '-s', address, '--max-pause', '0');
    const { code, stderr } = await example.ended;
    assert.deepEqual([code, stderr], [0, '']);
    server.kill('SIGTERM');
    assert.equal((await server.ended).code, 0);
  });

  it('say what is wrong with their arguments, and with what they are to use', async (t) => {
    for (const [args, expected, reason] of [
      [['--bogus'], 2, /--bogus/],
      [['--max-pause', 'long'], 2, /from 0 to 60/],
      [['--server-address', 'x'], 2, /needs --env-path/],
      [['--env-path', join('no', 'such.env')], 1, /env file .* cannot be read/],
    ] as const) {
      for (const example of [SINGLE, MULTISTREAM]) {
        const { code, stderr } = await runFile(t, example, ...args).ended;
        assert.equal(code, expected);
        assert.match(stderr, /^[^\n]+\n$/);
        assert.match(stderr, reason);
      }
    }
  });

  it('of streams know no options but the network', async (t) => {
    const examples = Object.values(STREAMS);
    const wrong = await runFile(t, STREAMS.throughput, '--bytes', 'many').ended;
    assert.deepEqual([wrong.code, /from 1 to \d+/.test(wrong.stderr)], [2, true]);
    for (const [args, expected, reason] of [
      [['--max-pause', '1'], 2, /--max-pause.* See --help/],
      [['--env-path', join('no', 'such.env')], 1, /env file .* cannot be read/],
    ] as const) {
      for (const { code, stderr } of await Promise.all(
        examples.map((file) => runFile(t, file, ...args).ended),
      )) {
        assert.equal(code, expected);
        assert.match(stderr, /^[^\n]+\n$/);
        assert.match(stderr, reason);
      }
    }
  });

  it('notice what is no message, and what ends within one', async () => {
    const read = async (...chunks: Buffer[]) => {
      const messages: unknown[] = [];
      for await (const message of readMessages(Readable.from(chunks))) messages.push(message);
      return messages;
    };
    const whole = Buffer.from([1, 2, 0, 0, 0, 2, 7, 8]);
    assert.deepEqual(await read(...[...whole].map((byte) => Buffer.from([byte]))), [
      { connection: 1, id: 2, bytes: Buffer.from([7, 8]) },
    ]);
    await assert.rejects(read(whole, whole.subarray(0, 7)), /ended within a message/);
    await assert.rejects(read(Buffer.from([0, 0, 255, 0, 0, 0])), /no message/);
  });
});
