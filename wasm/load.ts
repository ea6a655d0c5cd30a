import { initSync } from '@nymproject/nym-client-wasm';

import type { NymWasm } from './client.js';

/** Loads the compiled module into this thread or worker. Call once, and after the globals that it needs are in place. */
export function loadNymWasm(module: WebAssembly.Module): NymWasm {
  const { memory } = initSync({ module });
  return { memory };
}
