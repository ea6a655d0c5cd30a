import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import sirv from 'sirv';

/** What the page needs, and nothing beyond: its own scripts, the official client, the directory and the gateways. */
export const STRICT_CSP = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*",
  "base-uri 'none'",
].join('; ');

/** A directory of files, served from loopback by nothing that knows about bundlers. */
export class StaticSite implements AsyncDisposable {
  readonly url: string;
  /** Paths of the files that were asked for, each once. */
  readonly asked = new Set<string>();
  readonly #directory: string;
  readonly #close: () => Promise<void>;

  private constructor(directory: string, url: string, asked: Set<string>, close: () => Promise<void>) {
    this.#directory = directory;
    this.url = url;
    this.asked = asked;
    this.#close = close;
  }

  static async serve(directory: string): Promise<StaticSite> {
    const asked = new Set<string>();
    const files = sirv(directory, { dev: true });
    const server = createServer((request, response) => {
      asked.add(new URL(request.url ?? '/', 'http://localhost').pathname);
      response.setHeader('content-security-policy', STRICT_CSP);
      files(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return new StaticSite(directory, `http://127.0.0.1:${port}/`, asked, async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
  }

  /** How many bytes a server that compresses would have sent, for each path that was asked for. */
  async gzipped(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for (const path of this.asked) {
      const file = await readFile(join(this.#directory, path.endsWith('/') ? `${path}index.html` : path));
      sizes.set(path, gzipSync(file).length);
    }
    return sizes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
