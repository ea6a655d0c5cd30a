import { randomUUID } from 'node:crypto';

import WebSocket from 'ws';

import type { GatewaySocket, GatewaySocketWatch } from '../client-worker.js';
import { Heartbeat, type HeartbeatTimes } from './heartbeat.js';

/** The largest frame of a gateway is 33 kB (gateway.md section 6). */
const MAX_FRAME_BYTES = 1024 * 1024;

const HANDSHAKE_TIME_LIMIT_MS = 15_000;

/** What the official client dispatches when it drops a socket. */
type SyntheticEvent = Event & { readonly code?: number; readonly reason?: string };

/** A `ws` socket that a browser's events can be dispatched to. */
export interface GatewayWebSocket extends WebSocket, GatewaySocket {
  dispatchEvent(event: SyntheticEvent): boolean;
}

/**
 * The `WebSocket` class for the official client: `ws`, with what a browser's has and `ws` lacks, and watched, because
 * the official client itself reports neither progress nor death.
 */
export function gatewayWebSocket(
  watch: GatewaySocketWatch,
  heartbeatTimes: HeartbeatTimes,
): new (url: string) => GatewayWebSocket {
  return class extends WebSocket {
    constructor(url: string) {
      // Compression would read a frame later, when the official client has reused the memory it lies in.
      super(url, {
        perMessageDeflate: false,
        maxPayload: MAX_FRAME_BYTES,
        handshakeTimeout: HANDSHAKE_TIME_LIMIT_MS,
      });
      watch.opened(this);
      let reason: string | undefined;
      let heartbeat: Heartbeat | undefined;
      const heard = () => heartbeat?.heard();

      this.on('open', () => {
        watch.connected();
        const seconds = (heartbeatTimes.everyMs + heartbeatTimes.patienceMs) / 1_000;
        heartbeat = new Heartbeat(
          heartbeatTimes,
          () => this.ping(),
          () => {
            reason = `The gateway has been silent for ${seconds} s`;
            this.terminate();
          },
        );
      });
      this.on('ping', heard);
      this.on('pong', heard);
      this.on('message', (data, isBinary) => {
        heard();
        if (!isBinary && Buffer.isBuffer(data)) watch.textArrived(this, data.toString());
      });
      // Without a listener an 'error' would be an uncaught exception; 'close' follows it.
      this.on('error', (error) => {
        reason ??= `The connection to the gateway failed (${error.message})`;
      });
      this.on('close', (code) => {
        heartbeat?.stop();
        watch.closed(this, reason ?? `The gateway closed the connection (code ${code})`);
      });
    }

    override send(data: string | Uint8Array): void {
      const isPacket = typeof data !== 'string';
      if (isPacket) watch.frameGiven();
      super.send(data, (error) => {
        if (isPacket && !error) watch.frameLeft();
      });
    }

    /** A pong comes after everything that was sent before its ping. */
    reachGateway(): Promise<void> {
      if (this.readyState !== WebSocket.OPEN) return Promise.resolve();
      const mark = randomUUID();
      return new Promise((resolve) => {
        const onPong = (data: Buffer) => {
          if (data.toString() === mark) done();
        };
        const done = () => {
          this.off('pong', onPong);
          this.off('close', done);
          resolve();
        };
        this.on('pong', onPong);
        this.on('close', done);
        this.ping(mark);
      });
    }

    /**
     * When the official client drops a socket it dispatches a 'close' event, to use up the once-only listener whose
     * Rust side is about to be gone; `ws` has no `dispatchEvent` (nym-api.md section 9). Only such listeners run.
     */
    dispatchEvent(event: SyntheticEvent): boolean {
      if (event.type !== 'close') return true;
      for (const listener of this.rawListeners('close')) {
        const wrapped: unknown = Reflect.get(listener, 'listener');
        if (typeof wrapped !== 'function') continue;
        this.removeListener('close', listener as () => void);
        Reflect.apply(wrapped, this, [event.code ?? 1005, Buffer.from(event.reason ?? '')]);
      }
      return true;
    }
  };
}
