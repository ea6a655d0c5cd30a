/**
 * A query by `pg` through the tunnel, over a socket of its own. With `--upstream` it is asked of a real PostgreSQL, as
 * PGUSER, PGPASSWORD and PGDATABASE say; without, of a stand-in that knows the answer to one query.
 *
 * @module
 */
import { createServer, type Server } from 'node:net';

import pg from 'pg';

import { runClientExample } from './client-of.js';

await runClientExample(standIn, async (client, isStandIn) => {
  if (isStandIn) console.log('no --upstream was given: a stand-in answers, not a PostgreSQL');
  const database = new pg.Client({
    ...(isStandIn && { user: 'example', database: 'example' }),
    // Its types want a `net.Socket`; it uses no more of it than this stream has.
    stream: () => client.duplex(),
  });
  await database.connect();
  const { rows } = await database.query<{ answer: number }>('SELECT 42 AS answer');
  console.log(`the answer is ${rows[0]?.answer}`);
  await database.end();
});

/** As much of PostgreSQL's protocol (version 3) as the query needs. */
function standIn(): Server {
  return createServer((socket) => {
    let started = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      const type = started ? String.fromCharCode(bytes[0] ?? 0) : 'startup';
      started = true;
      const ready = message('Z', Buffer.from('I'));
      if (type === 'startup') socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]));
      else if (type === 'Q') socket.write(Buffer.concat([...answer(), ready]));
      else socket.end();
    });
  });
}

function answer(): Buffer[] {
  const column = Buffer.alloc(18);
  // The type's id: a number of 4 bytes, as text.
  column.writeInt32BE(23, 6);
  column.writeInt16BE(4, 10);
  column.writeInt32BE(-1, 12);
  const description = Buffer.concat([Buffer.from([0, 1]), Buffer.from('answer\0'), column]);
  const row = Buffer.from([0, 1, 0, 0, 0, 2, 0x34, 0x32]);
  return [message('T', description), message('D', row), message('C', Buffer.from('SELECT 1\0'))];
}

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}
