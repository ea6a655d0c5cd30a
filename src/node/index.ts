/**
 * TCP connections through the Nym mixnet, for Node.
 *
 * @module
 */
export { MixnetClientError, type MixnetClientErrorCode } from '../mixnet/errors.js';
export type { TrafficProfile } from '../mixnet/options.js';
export type { ProxyEvents, SessionReport } from '../proxy/session-report.js';
export { SessionError, type SessionErrorCode } from '../session/errors.js';
export { WireError } from '../wire/errors.js';
export { formatNymAddress, parseNymAddress, type NymAddress } from '../wire/nym-address.js';
export type { MixnetOptions } from './mixnet-options.js';
export { NymProxyClient, type NymProxyClientOptions } from './proxy-client.js';
export { NymProxyServer, type NymProxyServerOptions } from './proxy-server.js';
