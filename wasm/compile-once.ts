/**
 * Fetches a module and compiles it while it streams in. A server that does not know the type `application/wasm` costs
 * the streaming only.
 *
 * @throws {Error} if it cannot be fetched or compiled.
 */
export async function compileAt(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}`);
  return response.headers.get('content-type') === 'application/wasm'
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/**
 * The function that compiles a module at its first call and gives the same module at later ones: workers
 * that are handed a compiled module share its machine code and start sooner. After a failure the next call tries again.
 */
export function compileOnce(compile: () => Promise<WebAssembly.Module>): () => Promise<WebAssembly.Module> {
  let compiled: Promise<WebAssembly.Module> | undefined;
  return () => {
    compiled ??= compile().catch((error: unknown) => {
      compiled = undefined;
      throw error;
    });
    return compiled;
  };
}
