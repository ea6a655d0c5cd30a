import { defineConfig } from 'vite';

export default defineConfig({
  root: 'src/app',
  publicDir: '../../public',
  build: { outDir: '../../dist-app', emptyOutDir: true },
  // The worker of a mixnet client is a module; `iife` is the default.
  worker: { format: 'es' },
});
