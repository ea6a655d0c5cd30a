/**
 * TCP connections and byte streams through the Nym mixnet, for web pages.
 *
 * @module
 */
export { OptionError } from '../basics/options-check.js';
export { TunnelFetchError, type TunnelFetchErrorCode } from '../http/index.js';
export type { CommonClientOptions } from '../proxy/client-options.js';
export { WebSocketError, WebSocketFailureEvent, type FailureCode } from '../websocket/errors.js';
export { DEFAULT_CLIENT_ID, forgetIdentity, type PersistentIdentity } from '../mixnet/browser/index.js';
export { MixnetClientError, type MixnetClientErrorCode } from '../mixnet/errors.js';
export { MAINNET, type Network } from '../mixnet/network.js';
export type { TrafficProfile } from '../mixnet/options.js';
export type { Protocol } from '../proxy/protocol.js';
export type { ConnectOptions, SocketInfo, TunnelSocket } from '../proxy/socket.js';
export { SessionError, type SessionErrorCode } from '../session/errors.js';
export type { Certificates, TlsRoots } from '../tls/certificates.js';
export { TlsError, type TlsErrorCode } from '../tls/errors.js';
export type { ClientSocket, TlsOptions } from '../tls/socket.js';
export type { MixnetStream } from '../streams/mixnet-stream.js';
export type {
  ListenOptions,
  MixnetStreams,
  MixnetStreamsEvents,
  OpenStreamOptions,
  StreamSettings,
} from '../streams/mixnet-streams.js';
export type { MessagesOptions, StreamMessages } from '../streams/stream-messages.js';
export { WireError } from '../wire/errors.js';
export { formatNymAddress, parseNymAddress, type NymAddress } from '../wire/nym-address.js';
export { networkFromEnvText } from './env-text.js';
export { NymProxyClient, type NymProxyClientOptions, type StartProgress } from './proxy-client.js';
export { startStreams, type StreamsOptions } from './streams.js';
export type { ClientSnapshot, SessionSnapshot, TunnelSnapshot, TunnelState } from './tunnel-state.js';
