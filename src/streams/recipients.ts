import type { MixnetClient } from '../mixnet/client.js';
import { SessionOpener, type OpenerOptions } from '../session/opener.js';
import type { Session } from '../session/session.js';
import { formatNymAddress, parseNymAddress } from '../wire/nym-address.js';

interface Recipient {
  readonly opener: SessionOpener;
  /** Sessions that are open, or that the recipient may still ask about. */
  sessions: number;
}

/** Opens sessions with many recipients over one mixnet client; SURBs and what is known of their use are each one's own. */
export class Recipients {
  readonly #options: Omit<OpenerOptions, 'recipient'>;
  readonly #recipients = new Map<string, Recipient>();
  #client: MixnetClient;

  constructor(client: MixnetClient, options: Omit<OpenerOptions, 'recipient'>) {
    this.#client = client;
    this.#options = options;
  }

  /** Recipients with sessions. */
  get count(): number {
    return this.#recipients.size;
  }

  /** Sessions that have not ended. */
  get size(): number {
    return [...this.#recipients.values()].reduce((sum, { opener }) => sum + opener.size, 0);
  }

  /**
   * Opens a session.
   *
   * @param surbs SURBs that the recipient should have from now on, at least.
   * @throws {WireError} if the recipient is no Nym address.
   */
  open(recipient: string, surbs: number): Session {
    const address = formatNymAddress(parseNymAddress(recipient));
    const known = this.#recipients.get(address) ?? this.#add(address);
    const session = known.opener.open(surbs);
    known.sessions += 1;
    void session.parted.then(() => this.#release(address, known));
    return session;
  }

  /** Goes on over another client; the sessions with it. */
  moveTo(client: MixnetClient): void {
    this.#client = client;
    for (const { opener } of this.#recipients.values()) opener.moveTo(client);
  }

  /** Resets every session. Settles when the resets are handed over. */
  async close(): Promise<void> {
    await Promise.all([...this.#recipients.values()].map(({ opener }) => opener.close()));
  }

  #add(address: string): Recipient {
    const recipient = {
      opener: new SessionOpener(this.#client, { ...this.#options, recipient: address }),
      sessions: 0,
    };
    this.#recipients.set(address, recipient);
    return recipient;
  }

  async #release(address: string, recipient: Recipient): Promise<void> {
    recipient.sessions -= 1;
    if (recipient.sessions > 0) return;
    this.#recipients.delete(address);
    await recipient.opener.close();
  }
}
