/**
 * The published Rust client and server (the binaries of the crate nym-sdk), as processes of a test.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The folder with the binaries, if there is one. */
export const PEERS_FOLDER = process.env['NYM_PEERS'];

/** One of the binaries, running. */
class RustProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** All that it has written so far. */
  log = '';

  /** @param home where it keeps its files. */
  constructor(folder: string, name: string, args: readonly string[], home: string) {
    const env = { ...process.env, HOME: home, RUST_LOG: process.env['RUST_LOG'] ?? 'info', NO_COLOR: '1' };
    this.#child = spawn(join(folder, name), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => (this.log += chunk.toString());
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
  }

  /** What a pattern finds in the log, as soon as it does. */
  async until(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = pattern.exec(this.log);
      if (found) return found;
      if (this.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`${String(pattern)} is not in the log:\n${this.log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** A Rust server. */
export interface RustServerProcess extends AsyncDisposable {
  /** Nym address. */
  readonly address: string;
}

/** Starts a Rust server, with a new identity. */
export async function startRustServer(
  folder: string,
  options: { env: string; upstream: string; home: string; gateway: string },
): Promise<RustServerProcess> {
  const { env, upstream, home, gateway } = options;
  const server = new RustProcess(
    folder,
    'nym-proxy-server',
    ['-u', upstream, '-e', env, '-c', '/rust-server', '-g', gateway],
    home,
  );
  try {
    const [, address = ''] = await server.until(/Client created: (\S+@\w+)/);
    return { address, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** A Rust client. */
export interface RustClientProcess extends AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
}

/** Starts a Rust client, which listens when this settles. */
export async function startRustClient(
  folder: string,
  options: { env: string; server: string; home: string },
): Promise<RustClientProcess> {
  const { env, server, home } = options;
  const port = await freePort();
  const args = ['-s', server, '-e', env, '--listen-port', String(port), '--client-pool-reserve', '2'];
  const client = new RustProcess(folder, 'nym-proxy-client', args, home);
  try {
    await client.until(/Connecting to mixnet server/);
    return { port, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
