import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build, preview } from 'vite';

/** A page that Vite built and serves from loopback. */
export interface BuiltPage {
  readonly url: string;
  /** Ends the server and deletes the files. */
  close(): Promise<void>;
}

/**
 * Builds a page with nothing but the one script on it, as an app's own Vite would, and serves it.
 *
 * @param script the compiled script's file.
 */
export async function serveBuiltPage(script: string): Promise<BuiltPage> {
  const directory = await mkdtemp(join(import.meta.dirname, 'page-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  const shared = { root: directory, configFile: false, logLevel: 'warn' } as const;
  try {
    const markup = `<!doctype html><title>test</title><link rel="icon" href="data:," /><script type="module" src="${script}"></script>`;
    await writeFile(join(directory, 'index.html'), markup);
    await build({ ...shared, worker: { format: 'es' } });
    const server = await preview({ ...shared, preview: { host: '127.0.0.1', port: 0 } });
    const address = server.httpServer.address();
    if (address === null || typeof address === 'string') throw new Error('The page is served nowhere.');
    return {
      url: `http://127.0.0.1:${address.port}/`,
      async close() {
        await server.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
