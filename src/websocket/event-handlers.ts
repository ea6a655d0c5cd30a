/** What `onmessage` may hold. */
export type EventHandler<K extends keyof WebSocketEventMap> =
  ((this: WebSocket, event: WebSocketEventMap[K]) => unknown) | null;

/** The handlers `onopen`, `onmessage`, `onerror` and `onclose`; each has the place of its first setting in the order. */
export class EventHandlers {
  readonly #target: WebSocket;
  readonly #handlers: { [K in keyof WebSocketEventMap]?: EventHandler<K> } = {};

  constructor(target: WebSocket) {
    this.#target = target;
  }

  get<K extends keyof WebSocketEventMap>(type: K): EventHandler<K> {
    return this.#handlers[type] ?? null;
  }

  set<K extends keyof WebSocketEventMap>(type: K, handler: EventHandler<K>): void {
    if (!(type in this.#handlers)) {
      this.#target.addEventListener(type, (event) => this.get(type)?.call(this.#target, event));
    }
    const handlers: { [T in K]?: EventHandler<T> } = this.#handlers;
    handlers[type] = typeof handler === 'function' ? handler : null;
  }
}
