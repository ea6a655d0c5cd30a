/**
 * The library for browsers: our sources and the packages they use, bundled to modules that a page can load as they are
 * (import maps do not reach workers), and that another bundler understands.
 */
import { licenses } from './build/licenses.js';
import { linkedFiles } from './build/linked-files.js';

/** @type {import('rolldown').RolldownOptions} */
export default {
  input: { index: 'src/browser/index.ts', 'service-worker': 'src/browser/service-worker/index.ts' },
  platform: 'browser',
  plugins: [linkedFiles(), licenses('LICENSES.txt', ['wasm/tls/LICENSES.txt'])],
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  transform: {
    target: 'es2022',
    // How the official client would find Node's randomness. Bundlers take a module that says so for CommonJS.
    define: { 'module.require': 'undefined' },
  },
  onLog(level, log, report) {
    // Such as an import that cannot be resolved, which would be left to the page.
    if (level === 'warn') throw new Error(log.message);
    report(level, log);
  },
  output: {
    dir: 'dist/browser',
    cleanDir: true,
    sourcemap: true,
    // Comments and blanks weigh as much as a fifth of it; names stay, and the source map has the rest.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    // One flat folder, so that all files are beside `import.meta.url`, whichever of them says it.
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[name].js',
  },
};
