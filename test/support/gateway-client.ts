/**
 * A client of a gateway in a few lines, for tests that need to send what the official one never would.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { base64 } from '@scure/base';
import { WebSocket } from 'ws';
import { signedPart } from '../../src/localnet/gateway/authentication.js';
import { concat } from '../../src/localnet/gateway/bytes.js';
import { deriveSharedKey, NONCE_LENGTH, open, seal } from '../../src/localnet/gateway/shared-key.js';
import type { SharedKey } from '../../src/localnet/gateway/shared-key.js';
import { exchangeKeyFromBytes, identityFromSeed, signatureIsValid } from '../../src/localnet/keys.js';
import type { Identity } from '../../src/localnet/keys.js';
import { encodeNodeAddress } from '../../src/localnet/node-address.js';
import type { NodeAddress } from '../../src/localnet/node-address.js';

/** A text frame of the gateway, parsed. */
export type Reply = Readonly<Record<string, unknown>>;

/** An ed25519 key pair whose 32-byte seed is `seed` repeated; a random one without it. */
export function testIdentity(seed?: number): Identity {
  return identityFromSeed(seed === undefined ? randomBytes(32) : new Uint8Array(32).fill(seed));
}

/** Whole seconds since 1970. */
export function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

let lastTimestampS = 0;

/** Later than all that was asked for before, as a gateway wants it of a client; a little ahead of the clock at times. */
function freshTimestampS(): number {
  lastTimestampS = Math.max(nowS(), lastTimestampS + 1);
  return lastTimestampS;
}

/** One connection to a gateway. */
export class GatewayClient {
  readonly identity: Identity;
  /** Of the gateway. */
  readonly port: number;
  /** Settles with the close code once the gateway or this side has closed the connection. */
  readonly closed: Promise<number>;
  key: SharedKey | undefined;
  readonly #socket: WebSocket;
  readonly #frames: (Reply | Uint8Array)[] = [];
  #wake: () => void = () => undefined;
  #isClosed = false;

  static async connect(port: number, identity: Identity, key?: SharedKey): Promise<GatewayClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const client = new GatewayClient(socket, port, identity, key);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return client;
  }

  private constructor(socket: WebSocket, port: number, identity: Identity, key: SharedKey | undefined) {
    this.#socket = socket;
    this.port = port;
    this.identity = identity;
    this.key = key;
    socket.on('message', (data, isBinary) => {
      assert(Buffer.isBuffer(data));
      this.#frames.push(isBinary ? new Uint8Array(data) : (JSON.parse(data.toString()) as Reply));
      this.#wake();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#isClosed = true;
        this.#wake();
        resolve(code);
      });
    });
  }

  /** Sends a JSON text frame. */
  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  sendRaw(frame: string | Uint8Array): void {
    this.#socket.send(frame);
  }

  /** The next frame of the gateway, in order. Rejects once the connection is closed and all was read. */
  async next(): Promise<Reply | Uint8Array> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#isClosed) throw new Error('the gateway closed the connection');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next frame, which must be text of this type. */
  async nextReply(type: string): Promise<Reply> {
    const frame = await this.next();
    assert(!(frame instanceof Uint8Array), `expected "${type}", got a binary frame`);
    assert.equal(frame['type'], type, JSON.stringify(frame));
    return frame;
  }

  /** The next frame, which must be a pushed message; what is in it. */
  async nextPush(): Promise<Uint8Array> {
    const frame = await this.next();
    assert(frame instanceof Uint8Array, `expected a push, got ${JSON.stringify(frame)}`);
    assert.deepEqual(Array.from(frame.subarray(0, 2)), [1, 1]);
    const opened = open(this.#sharedKey(), frame.subarray(2, 14), frame.subarray(14));
    assert(opened, 'the push does not decrypt');
    return opened;
  }

  /** Everything that has come by the time the gateway has dealt with all that was sent. */
  async drain(): Promise<(Reply | Uint8Array)[]> {
    // Pongs keep their place among the answers, and nothing else causes them.
    const pong = new Promise((resolve) => this.#socket.once('pong', resolve));
    this.#socket.ping();
    await Promise.race([pong, this.closed]);
    return this.#frames.splice(0);
  }

  /** Stops reading from the socket. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }

  /** The registration handshake, after which {@link GatewayClient.key} is known. */
  async register(gateway: Uint8Array, protocol: number | null = 3): Promise<Reply> {
    const ephemeral = exchangeKeyFromBytes(randomBytes(32));
    const salt = randomBytes(16);
    const hello = concat(this.identity.publicKey, ephemeral.publicKey, salt);
    this.send({ type: 'handshakePayload', protocol_version: protocol, data: [...hello] });

    const answer = Uint8Array.from((await this.nextReply('handshakePayload'))['data'] as number[]);
    const theirs = answer.subarray(0, 32);
    const secret = ephemeral.agree(theirs);
    assert(secret);
    const key = deriveSharedKey(secret, salt);
    const signature = open(key, answer.subarray(-12), answer.subarray(32, -12));
    assert(signature && signatureIsValid(gateway, concat(theirs, ephemeral.publicKey), signature));

    const own = this.identity.sign(concat(ephemeral.publicKey, theirs));
    const nonce = randomBytes(NONCE_LENGTH);
    const proof = concat(seal(key, nonce, own), nonce);
    this.send({ type: 'handshakePayload', protocol_version: protocol, data: [...proof] });
    assert.deepEqual((await this.nextReply('handshakePayload'))['data'], [1]);
    this.key = key;
    return this.nextReply('register');
  }

  /** Sends a version 2 authentication; the answer is to be awaited. */
  authenticateV2(options: { timestamp?: number; protocolVersion?: number; signer?: Identity } = {}): void {
    const { timestamp = freshTimestampS(), protocolVersion = 4, signer = this.identity } = options;
    const key = this.#sharedKey();
    const nonce = randomBytes(NONCE_LENGTH);
    const address = this.identity.publicKey;
    const addressCiphertext = seal(key, nonce, address);
    const signature = signer.sign(
      signedPart({ protocolVersion, address, addressCiphertext, nonce, timestamp }),
    );
    this.send({
      type: 'authenticateV2',
      protocolVersion,
      clientIdentity: [...address],
      addressCiphertext: base64.encode(addressCiphertext),
      nonce: base64.encode(nonce),
      requestUnixTimestamp: timestamp,
      requestSignature: [...signature],
    });
  }

  /** Sends a packet to be passed on: without `keyRotation` as the first version of the frame. */
  forward(nextHop: NodeAddress, packet: Uint8Array, keyRotation?: number): void {
    const rotation = keyRotation === undefined ? [] : [keyRotation];
    this.forwardRaw(
      concat(Uint8Array.of(0, ...rotation), encodeNodeAddress(nextHop), packet),
      keyRotation !== undefined,
    );
  }

  /** Sends an authentic binary frame with this content. */
  forwardRaw(body: Uint8Array, v2: boolean): void {
    const nonce = randomBytes(NONCE_LENGTH);
    this.#socket.send(concat(Uint8Array.of(v2 ? 2 : 1, 1), nonce, seal(this.#sharedKey(), nonce, body)));
  }

  /** Sends an encrypted request. */
  sendEncrypted(request: object): void {
    const nonce = randomBytes(NONCE_LENGTH);
    const ciphertext = seal(this.#sharedKey(), nonce, new TextEncoder().encode(JSON.stringify(request)));
    this.send({ type: 'encryptedRequest', ciphertext: [...ciphertext], nonce: [...nonce] });
  }

  /** What the next frame, an encrypted response, says. */
  async nextEncrypted(): Promise<unknown> {
    const reply = await this.nextReply('encryptedResponse');
    const bytes = (name: string) => Uint8Array.from(reply[name] as number[]);
    const opened = open(this.#sharedKey(), bytes('nonce'), bytes('ciphertext'));
    assert(opened, 'the response does not decrypt');
    return JSON.parse(new TextDecoder().decode(opened));
  }

  #sharedKey(): SharedKey {
    assert(this.key, 'register first');
    return this.key;
  }
}
