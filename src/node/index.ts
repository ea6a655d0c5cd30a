/**
 * TCP connections through the Nym mixnet, for Node.
 *
 * @module
 */
export { MixnetClientError, type MixnetClientErrorCode } from '../mixnet/errors.js';
export { OptionError } from '../basics/options-check.js';
export { TunnelFetchError, type TunnelFetchErrorCode } from '../http/errors.js';
export { MAINNET, type Network } from '../mixnet/network.js';
export { readNetwork } from '../mixnet/node/network-file.js';
export type { TrafficProfile } from '../mixnet/options.js';
export type { CommonClientOptions } from '../proxy/client-options.js';
export type { ConnectOptions, SocketInfo, TunnelSocket } from '../proxy/socket.js';
export { WebSocketError, WebSocketFailureEvent, type FailureCode } from '../websocket/errors.js';
export type { Protocol, ServerProtocol } from '../proxy/protocol.js';
export type { ProxyEvents, SessionReport } from '../proxy/session-report.js';
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
export type { ClientTraffic } from '../mixnet/client.js';
export { DEFAULT_SESSION_LIMITS, type LimitName, type SessionLimits } from '../proxy/session-limits.js';
export type { ServerChange } from '../proxy/servers.js';
export type { UpstreamConnection } from '../proxy/join.js';
export type { ProxyCounts, ResetReason } from '../proxy/stats.js';
export type { Refusal, WebPages } from './fronts/page-rules.js';
export type { Forward, Listening } from './local-listeners.js';
export type { TunnelDuplex } from './duplex.js';
export type { MixnetOptions } from './mixnet-options.js';
export { NymProxyClient, type NymProxyClientEvents, type NymProxyClientOptions } from './proxy-client.js';
export { NymProxyServer, type NymProxyServerEvents, type NymProxyServerOptions } from './proxy-server.js';
export { startStreams, type StreamsOptions } from './streams.js';
export { TokensFileError } from './tokens-file.js';
