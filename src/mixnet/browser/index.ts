/**
 * Mixnet clients in web pages.
 *
 * @module
 */
export { startMixnetClient } from './start.js';
export type { PersistentIdentity, StartOptions } from './start.js';
export { DEFAULT_CLIENT_ID, forgetIdentity } from './identities.js';
