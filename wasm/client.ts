/**
 * The official client as this project uses it: a typed surface over what `@nymproject/nym-client-wasm` 1.4.1 exports,
 * the same for Node and browsers.
 *
 * @module
 */
import * as official from '@nymproject/nym-client-wasm';

import { takeSenderTag } from './sender-tag.js';

export type { ClientOpts, DebugWasmOverride } from '@nymproject/nym-client-wasm';

/** The module, loaded; it can start clients. There is one per thread or worker. */
export interface NymWasm {
  readonly memory: WebAssembly.Memory;
}

/** A started client. It has no way to stop: end the thread or worker that it runs in. */
export interface OfficialClient {
  /** The client's Nym address. */
  readonly address: string;

  /**
   * Sends an anonymous message with `replySurbs` reply SURBs. Settles when the client has queued it.
   *
   * @throws {Error} if the recipient is malformed or the client is dead.
   */
  sendAnonymous(recipient: string, payload: Uint8Array, replySurbs: number): Promise<void>;

  /**
   * Replies to the sender behind a tag (base58). Settles when the client has queued it.
   *
   * @throws {Error} if the tag is malformed or the client is dead.
   */
  reply(senderTag: string, payload: Uint8Array): Promise<void>;
}

/** What arrives: the message, which is the callee's to keep, and on anonymous messages the sender's tag in base58. */
export type OfficialMessageListener = (payload: Uint8Array, senderTag: string | undefined) => void;

/**
 * Starts a client: registers or authenticates with `options.preferredGateway` and fetches the topology.
 *
 * A panic of the Rust code does not reject: it is an uncaught `RuntimeError` of this thread or worker, after which the
 * promise hangs and the module is dead (nym-api.md section 8). Only who owns the thread can notice.
 *
 * @param onFailure told of an exception of `onMessage`, which must not reach the Rust code: it would panic.
 * @throws {Error} with the official client's own text.
 */
export async function startOfficialClient(
  wasm: NymWasm,
  options: official.ClientOpts,
  onMessage: OfficialMessageListener,
  onFailure: (error: unknown) => void,
): Promise<OfficialClient> {
  const listener = (payload: Uint8Array, tag: official.AnonymousSenderTag | undefined): void => {
    try {
      onMessage(payload, tag && takeSenderTag(wasm.memory, tag));
    } catch (error) {
      onFailure(error);
    }
  };
  // The constructor returns a promise of the client, whatever its type says.
  const client = await (new official.NymClient(listener, options) as unknown as Promise<official.NymClient>);
  return {
    address: client.selfAddress(),
    async sendAnonymous(recipient, payload, replySurbs) {
      await client.send_anonymous_message(payload, recipient, replySurbs);
    },
    async reply(senderTag, payload) {
      await client.send_reply(payload, senderTag);
    },
  };
}
