import { compileTlsWasm } from '../../wasm/tls.js';
import type { TrustedRoots } from '../tls/certificates.js';
import type { TlsEngine } from '../tls/engine.js';
import { RustlsEngine } from '../tls/rustls-engine.js';

/** TLS in a page. Imported when it is first needed, so that a page without TLS does not load it. */
export function startTls(roots: TrustedRoots): TlsEngine {
  return new RustlsEngine(compileTlsWasm, roots);
}
