/**
 * Both engines over TCP, in Node.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';

import { connectTcp } from '../../src/node/tcp.js';
import { NodeTlsEngine } from '../../src/node/tls.js';
import type { Connect } from '../../src/proxy/socket.js';
import { trustedRoots, type TlsRoots } from '../../src/tls/certificates.js';
import type { TlsEngine } from '../../src/tls/engine.js';
import { RustlsEngine } from '../../src/tls/rustls-engine.js';

/** The module of `wasm/tls`, as it is committed. */
export async function compileTls(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile('wasm/tls/nym_tls.wasm'));
}

/** The engines, by name. */
export const ENGINES: Readonly<Record<string, (roots: TlsRoots) => TlsEngine>> = {
  rustls: (roots) => new RustlsEngine(compileTls, trustedRoots(roots)),
  'node:tls': (roots) => new NodeTlsEngine(trustedRoots(roots)),
};

/** Sockets to a port of this machine, in the shape of those through the tunnel. */
export function tcpSockets(port: number): Connect {
  return ({ signal } = {}) => {
    const control = new AbortController();
    signal?.addEventListener('abort', () => control.abort(signal.reason));
    const connecting = connectTcp({ host: '127.0.0.1', port }, control.signal);
    const through = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 0 });
    const back = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 0 });
    const carried = connecting.then(async ({ readable, writable }) => {
      await Promise.all([readable.pipeTo(back.writable), through.readable.pipeTo(writable)]);
    });
    const fail = (error: unknown) => {
      back.writable.abort(error).catch(() => undefined);
      through.readable.cancel(error).catch(() => undefined);
    };
    carried.catch(fail);
    return {
      readable: back.readable,
      writable: through.writable,
      opened: connecting.then(() => ({ remoteAddress: 'tcp' })),
      closed: carried,
      close: (reason) => {
        control.abort(reason);
        connecting.then(
          (connection) => connection.reset(),
          () => undefined,
        );
        return carried;
      },
    };
  };
}
