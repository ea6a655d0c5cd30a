import init from '@nymproject/nym-client-wasm';

import type { NymWasm } from './client.js';

/**
 * Loads the official client into this worker, compiling while it streams in. Call once.
 *
 * @throws {Error} if the .wasm file cannot be fetched or compiled.
 */
export async function loadNymWasm(): Promise<NymWasm> {
  const url = new URL('@nymproject/nym-client-wasm/nym_client_wasm_bg.wasm', import.meta.url);
  const { memory } = await init({ module_or_path: url });
  return { memory };
}
