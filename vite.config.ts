import { resolve } from 'node:path';

import { defineConfig, type Plugin } from 'vite';

/** Where `npm start` serves the page; with `npm run dev` only its `/demo.json` is taken from there. */
const START = 'http://127.0.0.1:8071';

/** The service worker has one name, in the built page as in development, where its source has another. */
const serviceWorkerInDevelopment: Plugin = {
  name: 'service-worker-in-development',
  configureServer({ middlewares }) {
    middlewares.use((request, _, next) => {
      request.url = request.url?.replace(/^\/service-worker\.js(?=\?|$)/, '/service-worker.ts');
      next();
    });
  },
};

const ROOT = resolve(import.meta.dirname, 'src/app');

export default defineConfig({
  root: ROOT,
  publicDir: '../../public',
  plugins: [serviceWorkerInDevelopment],
  build: {
    outDir: '../../dist-app',
    emptyOutDir: true,
    // Top-level await, module workers.
    target: 'es2022',
    // It needs a document, and the service worker, which shares chunks with the page, has none.
    modulePreload: { polyfill: false },
    // The page's policy allows images from `data:`, nothing else.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: {
        index: resolve(ROOT, 'index.html'),
        streams: resolve(ROOT, 'streams.html'),
        'service-worker': resolve(ROOT, 'service-worker.ts'),
      },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  // The tunnel's workers are modules; `iife` is the default.
  worker: { format: 'es' },
  // Found only inside a worker, too late: the page would be loaded anew while it connects.
  optimizeDeps: { exclude: ['@nymproject/nym-client-wasm'] },
  server: { proxy: { '/demo.json': START } },
});
