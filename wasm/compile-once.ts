/**
 * The function that compiles the official client at its first call and gives the same module at later ones: workers
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
