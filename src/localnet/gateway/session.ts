/**
 * A registered or authenticated client on its connection (gateway.md sections 5 to 8).
 *
 * Its official client goes deaf for good at any frame it does not expect, so what is wrong is dropped and counted,
 * and never answered.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import type { AddressKey, ClientRecord } from './clients.js';
import { forwardPacket } from './context.js';
import type { Delivery, GatewayContext, Session } from './context.js';
import { openForwardRequest, parseForwardRequest, sealPush } from './frames.js';
import * as replies from './replies.js';
import { parseClientRequest, parseInnerRequest } from './requests.js';
import type { EncryptedRequest, InnerRequest } from './requests.js';
import { NONCE_LENGTH, open, seal } from './shared-key.js';

/** What a free claim adds to the balance, in bytes (gateway.md section 5). */
export const FREE_BANDWIDTH = 64 * 2 ** 30;
/** Keeps balances exact, however often a client claims. */
const MAX_BANDWIDTH = 2 ** 50;

/** The text is that of the real gateway. */
const ONLY_CREDENTIALS = 'This gateway is only accepting coconut credentials for bandwidth';

const utf8 = new TextDecoder();

export class ClientSession implements Session {
  readonly address: AddressKey;
  readonly #context: GatewayContext;
  readonly #socket: WebSocket;
  readonly #record: ClientRecord;

  constructor(context: GatewayContext, socket: WebSocket, address: AddressKey, record: ClientRecord) {
    this.address = address;
    this.#context = context;
    this.#socket = socket;
    this.#record = record;
  }

  /** Bytes that the client may send now: what it was given ends with the day. */
  get bandwidth(): number {
    if (Date.now() >= this.#record.bandwidthEndsAt) this.#record.bandwidth = 0;
    return this.#record.bandwidth;
  }

  /** Makes this the session of its client; an older one ends. */
  begin(): void {
    const { sessions, counters } = this.#context;
    const previous = sessions.get(this.address);
    sessions.set(this.address, this);
    if (previous === undefined) return;
    counters.replacedSessions += 1;
    previous.onReplaced();
  }

  onReplaced(): void {
    this.#socket.close(1000, 'replaced by a newer connection of the same client');
  }

  /** To be called when the connection is closed. */
  end(): void {
    if (this.#isCurrent()) this.#context.sessions.delete(this.address);
  }

  /** Hands a message or an ack to the client. */
  push(message: Uint8Array): Delivery {
    return this.#send(() => sealPush(this.#record.key, message));
  }

  /** Answers a request, or the authentication that began the session. */
  reply(text: string): void {
    this.#send(() => text);
  }

  onText(text: string): void {
    if (!this.#isCurrent()) return;
    const request = parseClientRequest(text);
    switch (request?.type) {
      case 'supportedProtocol':
        this.reply(replies.supportedProtocol());
        return;
      case 'claimBandwidth':
        this.#claimBandwidth(request.free);
        return;
      case 'encrypted':
        this.#onEncrypted(request);
        return;
      default:
        this.#context.counters.badFrames += 1;
    }
  }

  onBinary(frame: Uint8Array): void {
    if (!this.#isCurrent()) return;
    const { counters } = this.#context;
    const request = openForwardRequest(this.#record.key, frame);
    if (request === undefined) {
      counters.badFrames += 1;
      return;
    }
    const packet = parseForwardRequest(request);
    if (packet === undefined) {
      counters.badPackets += 1;
      return;
    }
    const cost = packet.packet.length;
    const available = this.bandwidth;
    if (available < cost) {
      counters.outOfBandwidth += 1;
      this.reply(replies.outOfBandwidth(cost, available));
      return;
    }
    this.#record.bandwidth -= cost;
    if (forwardPacket(this.#context, packet)) counters.packetsForwarded += 1;
    this.reply(replies.packetSent(this.#record.bandwidth));
  }

  #claimBandwidth(free: boolean): void {
    const { rules, stateFile, counters } = this.#context;
    if (free && !rules.freeBandwidth) {
      counters.claimsRefused += 1;
      this.reply(replies.refusal(ONLY_CREDENTIALS));
      return;
    }
    this.#record.bandwidth = Math.min(this.bandwidth + FREE_BANDWIDTH, MAX_BANDWIDTH);
    this.#record.bandwidthEndsAt = (Math.floor(Date.now() / rules.dayMs) + 1) * rules.dayMs;
    stateFile?.changed();
    this.reply(replies.bandwidthGranted(this.#record.bandwidth));
  }

  #onEncrypted({ nonce, ciphertext }: EncryptedRequest): void {
    const plaintext = open(this.#record.key, nonce, ciphertext);
    const request = plaintext && parseInnerRequest(utf8.decode(plaintext));
    if (request === undefined) {
      this.#context.counters.badFrames += 1;
      return;
    }
    this.#onInner(request);
  }

  #onInner(request: InnerRequest): void {
    const { memory, stateFile } = this.#context;
    switch (request.type) {
      case 'forgetMe':
        if (request.client) {
          // The session goes on with a record of its own.
          memory.clients.delete(this.address);
          memory.inbox.take(this.address);
          stateFile?.changed();
        }
        this.#respond({ ForgetMeAck: {} });
        return;
      case 'rememberMe':
        this.#respond({ RememberMeAck: {} });
    }
  }

  #respond(response: Readonly<Record<string, object>>): void {
    const { key } = this.#record;
    const nonce = randomBytes(NONCE_LENGTH);
    const plaintext = new TextEncoder().encode(JSON.stringify(response));
    this.reply(replies.encryptedResponse(seal(key, nonce, plaintext), nonce));
  }

  #send(frame: () => string | Uint8Array): Delivery {
    if (this.#socket.readyState !== WebSocket.OPEN) return 'offline';
    if (this.#socket.bufferedAmount > this.#context.limits.sendBufferBytes) {
      this.#context.counters.slowClientDropped += 1;
      return 'full';
    }
    this.#socket.send(frame());
    return 'sent';
  }

  #isCurrent(): boolean {
    return this.#context.sessions.get(this.address) === this;
  }
}
