import { compileAt, compileOnce } from './compile-once.js';

/**
 * Fetches and compiles the official client, once per page.
 *
 * @throws {Error} if the .wasm file cannot be fetched or compiled; the next call tries again.
 */
export const compileNymWasm = compileOnce(() =>
  compileAt(new URL('@nymproject/nym-client-wasm/nym_client_wasm_bg.wasm', import.meta.url)),
);
