import { compileAt, compileOnce } from './compile-once.js';

/**
 * Fetches and compiles the TLS module of `tls/`, once per page.
 *
 * @throws {Error} if the .wasm file cannot be fetched or compiled; the next call tries again.
 */
export const compileTlsWasm = compileOnce(() => compileAt(new URL('./tls/nym_tls.wasm', import.meta.url)));
