import { readFile } from 'node:fs/promises';

import { compileOnce } from './compile-once.js';

/**
 * Compiles the official client, once per process.
 *
 * @throws {Error} if the package's .wasm file cannot be read or is damaged; the next call tries again.
 */
export const compileNymWasm = compileOnce(async () => {
  const file = import.meta.resolve('@nymproject/nym-client-wasm/nym_client_wasm_bg.wasm');
  return WebAssembly.compile(await readFile(new URL(file)));
});
