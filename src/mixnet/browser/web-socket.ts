import type { GatewaySocket, GatewaySocketWatch } from '../client-worker.js';

/** How often a socket is asked what has left it; a browser says so only when asked. */
const LOOK_EVERY_MS = 5;

/** A frame that was sent, until it has left. */
interface SentFrame {
  readonly bytes: number;
  readonly isPacket: boolean;
}

/**
 * The `WebSocket` class for the official client: the browser's own, watched, because the official client itself
 * reports neither progress nor death.
 *
 * A browser lets nobody send a ping or see a pong, so a gateway that falls silent without closing the connection, as
 * when its machine loses power, is only found once the browser's own TCP gives up, which may take many minutes.
 * For the same reason a frame counts as having reached the gateway once the browser's network stack has taken it.
 */
export function gatewayWebSocket(watch: GatewaySocketWatch): typeof WebSocket {
  return class extends WebSocket implements GatewaySocket {
    readonly #waiting: SentFrame[] = [];
    #waitingBytes = 0;
    #looking: ReturnType<typeof setInterval> | undefined;
    #allLeft: (() => void)[] = [];

    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      watch.opened(this);
      this.addEventListener('open', () => watch.connected());
      this.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (typeof data === 'string') watch.textArrived(this, data);
      });
      // An 'error' event says nothing, and is followed by 'close'.
      this.addEventListener('close', (event) => {
        // The official client dispatches one of its own when it drops a socket (nym-api.md section 9).
        if (!event.isTrusted) return;
        this.#waiting.length = 0;
        this.#waitingBytes = 0;
        this.#stopLooking();
        watch.closed(this, `The connection to the gateway is gone (code ${event.code})`);
      });
    }

    override send(data: string | Blob | BufferSource): void {
      const before = this.bufferedAmount;
      super.send(data);
      if (this.readyState !== WebSocket.OPEN) return;
      const bytes = this.bufferedAmount - before;
      const isPacket = typeof data !== 'string';
      if (isPacket) watch.frameGiven();
      this.#waiting.push({ bytes, isPacket });
      this.#waitingBytes += bytes;
      this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
    }

    reachGateway(): Promise<void> {
      if (this.#waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => this.#allLeft.push(resolve));
    }

    /** Frames leave in the order they were sent, so the `bufferedAmount` bytes are those of the last ones. */
    #look(): void {
      for (let [first] = this.#waiting; first; [first] = this.#waiting) {
        const behind = this.#waitingBytes - first.bytes;
        if (behind < this.bufferedAmount) return;
        this.#waiting.shift();
        this.#waitingBytes = behind;
        if (first.isPacket) watch.frameLeft();
      }
      this.#stopLooking();
    }

    #stopLooking(): void {
      clearInterval(this.#looking);
      this.#looking = undefined;
      const waiting = this.#allLeft;
      this.#allLeft = [];
      for (const resolve of waiting) resolve();
    }
  };
}
