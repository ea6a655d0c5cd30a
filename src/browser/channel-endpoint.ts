import type { Endpoint } from 'comlink';

/**
 * A BroadcastChannel between two as an endpoint for comlink. What would be transferred is copied, and what is said after
 * {@link close}, such as the answer to a call of somebody who has left, is dropped.
 */
export class ChannelEndpoint implements Endpoint {
  readonly #channel: BroadcastChannel;
  #closed = false;

  constructor(name: string) {
    this.#channel = new BroadcastChannel(name);
  }

  postMessage(message: unknown): void {
    if (!this.#closed) this.#channel.postMessage(message);
  }

  addEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.#channel.addEventListener(type, listener);
  }

  removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.#channel.removeEventListener(type, listener);
  }

  close(): void {
    this.#closed = true;
    this.#channel.close();
  }
}
