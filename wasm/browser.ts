import { compileOnce } from './compile-once.js';

/**
 * Fetches the official client and compiles it while it streams in, once per page. A server that does not know the
 * type `application/wasm` costs the streaming only.
 *
 * @throws {Error} if the .wasm file cannot be fetched or compiled; the next call tries again.
 */
export const compileNymWasm = compileOnce(async () => {
  const url = new URL('@nymproject/nym-client-wasm/nym_client_wasm_bg.wasm', import.meta.url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}`);
  return response.headers.get('content-type') === 'application/wasm'
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
});
