export { WebSocketError, WebSocketFailureEvent } from './errors.js';
export { TunnelWebSocket, type WebSocketLimits } from './web-socket.js';
