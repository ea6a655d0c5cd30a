import type { Socket } from 'node:net';

import type { Connection } from '../../proxy/join.js';
import { streamsOf } from '../tcp.js';
import { ByteSource } from './byte-source.js';
import { GuardedConnection } from './guarded-connection.js';
import type { PageRules, Refusal } from './page-rules.js';
import { RequestGuard } from './request-guard.js';

/**
 * How long an application may be silent until its connection is carried, since the upstream may be the one that speaks
 * first. Until then the upstream does not hear of a connection that a web page has made.
 */
const SILENCE_MS = 200;

/** Connections of which it is not known yet whether they may be carried. */
export class Arrivals {
  readonly #rules: PageRules | undefined;
  readonly #onRefusal: (refusal: Refusal) => void;
  readonly #waiting = new Set<Connection>();

  /** @param rules what is refused; nothing, without them. */
  constructor(rules: PageRules | undefined, onRefusal: (refusal: Refusal) => void) {
    this.#rules = rules;
    this.#onRefusal = onRefusal;
  }

  /**
   * The connection, once its beginning shows that it may be carried; `undefined` if it may not, and has been told so, or
   * has broken. Never rejects.
   */
  async admit(socket: Socket): Promise<Connection | undefined> {
    const connection = streamsOf(socket, 'aborted');
    if (this.#rules === undefined) return connection;
    this.#waiting.add(connection);
    const guard = new RequestGuard(this.#rules, socket.localAddress);
    const guarded = new GuardedConnection(connection, new ByteSource(connection), guard, this.#onRefusal);
    try {
      const refusal = await guarded.begin(SILENCE_MS);
      if (refusal === undefined) return guarded;
      await guarded.answer(refusal);
      return undefined;
    } catch {
      return undefined;
    } finally {
      this.#waiting.delete(connection);
    }
  }

  /** Resets the connections that wait. */
  close(): void {
    for (const connection of this.#waiting) connection.reset();
  }
}
