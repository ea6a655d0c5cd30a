/**
 * What everyone else sees of the official Nym client: something that is connecting, ready, lost or closed, and
 * carries whole messages.
 *
 * @module
 */

/**
 * - `connecting`: starting; not to be used.
 * - `ready`: messages can be sent.
 * - `lost`: its gateway connection died or the official client crashed. It never becomes ready again; start another.
 * - `closed`: `close` was called.
 */
export type MixnetClientState = 'connecting' | 'ready' | 'lost' | 'closed';

/** One message that arrived through the mixnet. */
export interface MixnetMessage {
  readonly payload: Uint8Array;
  /** Base58 of the sender's 16-byte tag, present on anonymous messages only; the key to {@link MixnetClient.reply}. */
  readonly senderTag: string | undefined;
}

/** The events of a {@link MixnetClient} and what their listeners get. */
export interface MixnetClientEvents {
  message: MixnetMessage;
  state: MixnetClientState;
}

/** What a client's gateway connection has carried, in Sphinx packets. */
export interface ClientTraffic {
  /** Given to the client and not yet on the wire; an estimate. */
  readonly packetsWaiting: number;
  /** Packets that have left, decoys and acknowledgements of the official client included. */
  readonly packetsSent: number;
}

/** One official Nym client in its worker. Messages arrive whole or not at all, in any order, without duplicates. */
export interface MixnetClient {
  readonly state: MixnetClientState;

  /** The client's own Nym address. Only known once the client is ready. */
  readonly address: string;

  /** Whether messages beyond one regular packet travel in extended ones, of 32 KB. */
  readonly extendedPackets: boolean;

  /** Why the client was lost; `undefined` in every other state. */
  readonly lostReason: Error | undefined;

  /**
   * Sends one anonymous message with `replySurbs` reply SURBs attached.
   *
   * Messages of either kind wait for their turn; those who have one waiting at a time take turns by packets. Settles
   * when the official client has taken the message, which is not yet delivery: then the next one may follow.
   *
   * @throws {MixnetClientError} if the client is not ready or the recipient is not a Nym address.
   */
  send(recipient: string, payload: Uint8Array, replySurbs: number): Promise<void>;

  /**
   * Replies through SURBs of the client behind `senderTag`. Without SURBs in stock the official client keeps the
   * reply and asks for more. Takes its turn and settles as {@link send} does.
   *
   * @throws {MixnetClientError} if the client is not ready.
   */
  reply(senderTag: string, payload: Uint8Array): Promise<void>;

  /** Calls `listener` for each event until the returned function is called. */
  on<E extends keyof MixnetClientEvents>(
    event: E,
    listener: (value: MixnetClientEvents[E]) => void,
  ): () => void;

  /** @throws {MixnetClientError} if the client is not ready. */
  traffic(): Promise<ClientTraffic>;

  /** Settles once the packets of everything sent so far have probably left, after `timeoutMs` at the latest. */
  flush(timeoutMs: number): Promise<void>;

  /** Ends the client at once, with what it still holds. Never rejects; later calls do nothing. */
  close(): Promise<void>;
}
