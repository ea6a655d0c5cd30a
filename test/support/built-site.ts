import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import sirv from 'sirv';
import { build } from 'vite';

/** A page and a service worker that Vite built, served from loopback. */
export interface BuiltSite {
  readonly url: string;
  /** What the server was asked for: method and path, in order. The test may clear it. */
  readonly asked: string[];
  /** Ends the server and deletes the files. */
  close(): Promise<void>;
}

/** An app's page that shows another in a frame, and lets the frame show nothing but its own site. */
const MARKUP = (script: string) =>
  `<!doctype html><title>test</title><link rel="icon" href="data:," /><iframe name="frame"></iframe><script type="module" src="${script}"></script>`;
const POLICY = "frame-src 'self'";

/**
 * Builds a page with one script, and a service worker at `service-worker.js`, as an app's own Vite would, and serves
 * them.
 *
 * @param scripts the compiled scripts' files.
 */
export async function serveBuiltSite(scripts: {
  readonly page: string;
  readonly serviceWorker: string;
}): Promise<BuiltSite> {
  const root = await mkdtemp(join(import.meta.dirname, 'site-'));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    const index = join(root, 'index.html');
    await writeFile(index, MARKUP(scripts.page));
    await build({
      root,
      configFile: false,
      logLevel: 'warn',
      worker: { format: 'es' },
      build: {
        rolldownOptions: {
          input: { index, 'service-worker': scripts.serviceWorker },
          output: {
            entryFileNames: ({ name }) =>
              name === 'service-worker' ? 'service-worker.js' : 'assets/[name]-[hash].js',
          },
        },
      },
    });
    const asked: string[] = [];
    const files = sirv(join(root, 'dist'), { dev: true });
    const server = createServer((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      response.setHeader('content-security-policy', POLICY);
      files(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}/`,
      asked,
      async close() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
