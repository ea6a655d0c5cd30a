import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { build, createLogger, createServer } from 'vite';
import webpack from 'webpack';

const PAGE = '<!doctype html><title>outside</title><script type="module" src="./main.js"></script>';

/** An app that knows of the package what its README says. What the test calls is global. */
function pageScript(library: string): string {
  return `import { NymProxyClient } from '${library}';
globalThis.ask = async (options, path) => {
  const client = await NymProxyClient.create(options);
  const response = await client.fetch(path);
  return response.text();
};
globalThis.register = async () => {
  const options = { type: 'module', scope: './through/' };
  const { installing } = await navigator.serviceWorker.register('./service-worker.js', options);
  while (installing.state !== 'activated') {
    await new Promise((resolve) => installing.addEventListener('statechange', resolve, { once: true }));
  }
};
`;
}

function serviceWorkerScript(library: string): string {
  return `import { serveTunnel } from '${library}';
serveTunnel();
`;
}

async function writeApp(root: string, library: string, serviceWorker: string): Promise<void> {
  await writeFile(join(root, 'index.html'), PAGE);
  await writeFile(join(root, 'main.js'), pageScript(library));
  await writeFile(join(root, 'service-worker.js'), serviceWorkerScript(serviceWorker));
}

/** A page that loads the files of the package as they are. Returns the directory to serve. */
export async function plainApp(root: string): Promise<string> {
  const files = './node_modules/nym-tcp-proxy/dist/browser';
  await writeApp(root, `${files}/index.js`, `${files}/service-worker.js`);
  return root;
}

/** Of a Vite that has nothing to complain about. */
function strictLogger() {
  const logger = createLogger('warn');
  logger.warn = (message) => {
    throw new Error(message);
  };
  return logger;
}

/** Built by a Vite whose only setting is the name of the service worker. Returns the directory to serve. */
export async function viteApp(root: string): Promise<string> {
  await writeApp(root, 'nym-tcp-proxy/browser', 'nym-tcp-proxy/service-worker');
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    customLogger: strictLogger(),
    build: {
      rolldownOptions: {
        input: { index: join(root, 'index.html'), 'service-worker': join(root, 'service-worker.js') },
        output: {
          entryFileNames: ({ name }) =>
            name === 'service-worker' ? 'service-worker.js' : 'assets/[name]-[hash].js',
        },
      },
    },
  });
  return join(root, 'dist');
}

/** Served by the Vite that a developer runs. */
export async function viteDevApp(root: string): Promise<{ url: string; close(): Promise<void> }> {
  await writeApp(root, 'nym-tcp-proxy/browser', 'nym-tcp-proxy/service-worker');
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'warn',
    customLogger: strictLogger(),
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
  });
  await server.listen();
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('Vite serves the page nowhere.');
  return { url, close: () => server.close() };
}

/** Built by webpack, under the name that stands for both platforms. Returns the directory to serve. */
export async function webpackApp(root: string): Promise<string> {
  await writeApp(root, 'nym-tcp-proxy', 'nym-tcp-proxy/service-worker');
  const compiler = webpack({
    context: root,
    mode: 'production',
    entry: { main: './main.js', 'service-worker': './service-worker.js' },
    output: { path: join(root, 'dist') },
    performance: false,
  });
  try {
    const stats = await promisify(compiler.run.bind(compiler))();
    if (stats === undefined || stats.hasErrors() || stats.hasWarnings()) {
      throw new Error(stats?.toString('errors-warnings') ?? 'webpack says nothing.');
    }
  } finally {
    await promisify(compiler.close.bind(compiler))();
  }
  await cp(join(root, 'index.html'), join(root, 'dist', 'index.html'));
  return join(root, 'dist');
}
