import type { Endpoint } from 'comlink';

/** A BroadcastChannel between two as an endpoint for comlink. What would be transferred is copied. */
export function channelEndpoint(channel: BroadcastChannel): Endpoint {
  return {
    postMessage: (message) => channel.postMessage(message),
    addEventListener: (type, listener) => channel.addEventListener(type, listener),
    removeEventListener: (type, listener) => channel.removeEventListener(type, listener),
  };
}
