/**
 * A gRPC call through the tunnel, by Node's HTTP/2 over a socket of its own, so that nothing has to be installed.
 *
 * `@grpc/grpc-js` takes no sockets: create the client with `listenPort: 0`, and give it
 * `127.0.0.1:${client.listenAddress.port}` as its address.
 *
 * @module
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import { buffer } from 'node:stream/consumers';

import { runClientExample } from './client-of.js';

/** A message that is not compressed: a zero, its length, and its bytes. */
function framed(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

await runClientExample(
  () => {
    const server = createServer();
    server.on('stream', (stream) => {
      void buffer(stream).then((request) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(framed(`hello, ${String(request.subarray(5))}`));
      });
    });
    return server;
  },
  async (client) => {
    const session = connect('http://upstream', { createConnection: () => client.duplex() });
    const call = session.request({
      ':method': 'POST',
      ':path': '/example.Greeter/Greet',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const trailers = once(call, 'trailers') as Promise<[Record<string, string>]>;
    call.end(framed('mixnet'));
    console.log(String((await buffer(call)).subarray(5)));
    console.log(`grpc-status ${(await trailers)[0]['grpc-status']}`);
    session.close();
    await once(session, 'close');
  },
);
