import type { MessagePort } from 'node:worker_threads';

import type { Endpoint } from 'comlink';

/** A port of Node as Comlink wants it. Nothing is transferred, everything is copied. */
export function comlinkEndpoint(port: MessagePort): Endpoint {
  return {
    postMessage: (message) => port.postMessage(message),
    addEventListener: port.addEventListener.bind(port),
    removeEventListener: port.removeEventListener.bind(port),
    start: () => port.start(),
  };
}
