/**
 * A connection until its client is registered or authenticated (gateway.md sections 2 to 4).
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { exchangeKeyFromBytes } from '../keys.js';
import { refuseAuthenticationV2 } from './authentication.js';
import { addressKey } from './clients.js';
import type { ClientRecord } from './clients.js';
import { saveState } from './context.js';
import type { GatewayContext } from './context.js';
import { answerHello, clientProofIsValid, HANDSHAKE_SUCCESS, readHello } from './handshake.js';
import type { HandshakeAnswer } from './handshake.js';
import * as replies from './replies.js';
import { parseClientRequest } from './requests.js';
import type { AuthenticateV2Request, HandshakeRequest, ProtocolVersion } from './requests.js';
import { ClientSession } from './session.js';

/** The texts are those of the real gateway (gateway.md section 8). */
const ONLY_REGISTRATION = "Only 'Register' or 'Authenticate' requests are allowed";
const TOO_EARLY_PACKET =
  'possibly received a sphinx packet without prior authentication. Request is going to be ignored';
const TIMED_OUT = 'timed out while waiting for initial data';

/** Turns a connection into a session, or away. */
export class Admission {
  readonly #context: GatewayContext;
  readonly #socket: WebSocket;
  readonly #onSession: (session: ClientSession) => void;
  #timer: NodeJS.Timeout | undefined;
  #messages = 0;
  #handshake: HandshakeAnswer | undefined;
  #over = false;

  /** Waits for the first message. `onSession` gets the session before its client hears of it. */
  constructor(context: GatewayContext, socket: WebSocket, onSession: (session: ClientSession) => void) {
    this.#context = context;
    this.#socket = socket;
    this.#onSession = onSession;
    this.#awaitMessage();
  }

  /** To be called when the connection is closed. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  onBinary(): void {
    if (!this.#over) this.#refuse(TOO_EARLY_PACKET);
  }

  onText(text: string): void {
    if (this.#over) return;
    this.#messages += 1;
    const request =
      this.#messages > this.#context.limits.initialMessages ? undefined : parseClientRequest(text);
    if (this.#handshake !== undefined) {
      if (request?.type === 'handshake') this.#finishHandshake(this.#handshake, request);
      else this.#failHandshake('unexpected message during the handshake');
      return;
    }
    switch (request?.type) {
      case 'supportedProtocol':
        this.#socket.send(replies.supportedProtocol());
        this.#awaitMessage();
        return;
      case 'handshake':
        this.#beginHandshake(request);
        return;
      case 'authenticateV2':
        this.#authenticateV2(request);
        return;
      default:
        this.#refuse(ONLY_REGISTRATION);
    }
  }

  #beginHandshake({ data, protocolVersion }: HandshakeRequest): void {
    const hello = readHello(data);
    if (hello === undefined) {
      this.#failHandshake(`a first handshake message has 80 bytes, not ${data.length}`);
      return;
    }
    const ephemeral = exchangeKeyFromBytes(randomBytes(32));
    this.#handshake = answerHello(this.#context.identity, hello, ephemeral, randomBytes(12));
    if (this.#handshake === undefined) {
      this.#failHandshake('the ephemeral key is unusable');
      return;
    }
    this.#socket.send(replies.handshakePayload(protocolVersion, this.#handshake.data));
    this.#awaitMessage();
  }

  #finishHandshake(handshake: HandshakeAnswer, { data, protocolVersion }: HandshakeRequest): void {
    if (!clientProofIsValid(handshake, data)) {
      this.#failHandshake('the second handshake message is not authentic');
      return;
    }
    this.end();
    this.#socket.send(replies.handshakePayload(protocolVersion, Uint8Array.of(HANDSHAKE_SUCCESS)));
    void this.#register(handshake, protocolVersion);
  }

  /** Never rejects. The key is on disk before the client relies on it. */
  async #register({ hello, key }: HandshakeAnswer, protocolVersion: ProtocolVersion): Promise<void> {
    const { memory, limits, rules, sessions, stateFile, counters } = this.#context;
    const address = addressKey(hello.identity);
    const known = memory.clients.get(address);
    const record: ClientRecord = {
      key,
      bandwidth: known?.bandwidth ?? 0,
      bandwidthEndsAt: known?.bandwidthEndsAt ?? 0,
      lastAuthenticationS: 0,
    };
    memory.clients.set(address, record);
    memory.clients.shrink(limits.clients, (other) => other === address || sessions.has(other));
    stateFile?.changed();
    counters.registrations += 1;
    await saveState(this.#context);
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const session = new ClientSession(this.#context, this.#socket, address, record);
    this.#onSession(session);
    session.begin();
    // The inbox waits for the authentication: the official client closes this connection and ignores what comes on it.
    session.reply(replies.registered(replies.agreedVersion(rules.frames, protocolVersion)));
  }

  #authenticateV2(request: AuthenticateV2Request): void {
    const address = addressKey(request.address);
    const record = this.#context.memory.clients.get(address);
    const reason = refuseAuthenticationV2(request, record, Date.now() / 1000);
    if (record === undefined || reason !== undefined) {
      this.#refuse(reason ?? 'the client is not registered');
      return;
    }
    record.lastAuthenticationS = request.timestamp;
    this.#beginSession(address, record, request.protocolVersion);
  }

  #beginSession(address: string, record: ClientRecord, protocolVersion: ProtocolVersion): void {
    const { memory, rules, stateFile, counters } = this.#context;
    this.end();
    memory.clients.set(address, record);
    counters.authentications += 1;
    const session = new ClientSession(this.#context, this.#socket, address, record);
    this.#onSession(session);
    session.begin();
    for (const message of memory.inbox.take(address)) {
      if (session.push(message) === 'sent') counters.messagesCollected += 1;
    }
    stateFile?.changed();
    session.reply(
      replies.authenticated(replies.agreedVersion(rules.frames, protocolVersion), session.bandwidth),
    );
  }

  #awaitMessage(): void {
    clearTimeout(this.#timer);
    const { handshakeMessageMs, initialMessageMs } = this.#context.limits;
    this.#timer = setTimeout(
      () => {
        if (this.#handshake === undefined) this.#refuse(TIMED_OUT);
        else this.#failHandshake('timed out waiting for a handshake message');
      },
      this.#handshake === undefined ? initialMessageMs : handshakeMessageMs,
    );
  }

  #failHandshake(message: string): void {
    this.#turnAway(replies.handshakeError(message));
  }

  #refuse(message: string): void {
    this.#turnAway(replies.refusal(message));
  }

  #turnAway(answer: string): void {
    this.end();
    this.#context.counters.refusals += 1;
    this.#socket.send(answer);
    this.#socket.close(1000);
  }
}
