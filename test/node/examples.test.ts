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

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

describe('the examples', IN_TIME, () => {
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
