import { readFile } from 'node:fs/promises';

import { initSync } from '@nymproject/nym-client-wasm';

import type { NymWasm } from './client.js';

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Compiles the official client, once per process: workers that are handed the compiled module share its machine code
 * and start sooner.
 *
 * @throws {Error} if the package's .wasm file cannot be read or is damaged; the next call tries again.
 */
export function compileNymWasm(): Promise<WebAssembly.Module> {
  compiled ??= compile().catch((error: unknown) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function compile(): Promise<WebAssembly.Module> {
  const file = import.meta.resolve('@nymproject/nym-client-wasm/nym_client_wasm_bg.wasm');
  return WebAssembly.compile(await readFile(new URL(file)));
}

/** Loads the compiled module into this thread. Call once, and after the globals that it needs are in place. */
export function loadNymWasm(module: WebAssembly.Module): NymWasm {
  const { memory } = initSync({ module });
  return { memory };
}
