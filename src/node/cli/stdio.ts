import { Readable, Writable } from 'node:stream';

import type { UpstreamConnection } from '../../proxy/join.js';
import { SessionError } from '../../session/errors.js';

/** Standard input and output as a connection, for `ssh -o ProxyCommand` and its like. */
export function stdioConnection(): UpstreamConnection {
  let failure: SessionError | undefined;
  for (const stream of [process.stdin, process.stdout])
    stream.on('error', (cause) => (failure ??= new SessionError('aborted', 'us', undefined, { cause })));
  const reset = () => {
    process.stdin.destroy();
    process.stdout.destroy();
  };
  return {
    readable: Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>,
    writable: Writable.toWeb(process.stdout) as WritableStream<Uint8Array>,
    get failure() {
      return failure;
    },
    fail: () => {
      reset();
      return Promise.resolve();
    },
    reset,
  };
}
