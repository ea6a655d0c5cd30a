import { SessionError } from '../session/errors.js';
import type { Session } from '../session/session.js';
import { MultiLaneConnection } from '../lanes/multi-lane-connection.js';
import type { Lane } from '../wire/lane.js';

/** The connections whose openers carry them over several sessions, at a server. */
export class LaneSessions {
  readonly #connections = new Map<string, MultiLaneConnection>();

  /** Connections that have not ended, or whose openers may not know yet. */
  get size(): number {
    return this.#connections.size;
  }

  /**
   * Cuts every connection off as a whole. Lanes that are reset one by one with `gone` would be opened again, with a server
   * that is not there any more.
   */
  close(): void {
    const error = new SessionError('aborted', 'us', 'the server is shutting down');
    for (const connection of this.#connections.values()) connection.cut(error);
  }

  /**
   * Takes in a session that has come for a lane. The first one of a connection gives the connection; others are joined to
   * it, or reset when there is none.
   *
   * @param addresses of the server's further mixnet clients, which the opener is told.
   */
  add(session: Session, lane: Lane, addresses: readonly string[]): MultiLaneConnection | undefined {
    const known = this.#connections.get(lane.connection);
    if (known !== undefined) {
      known.add(lane.number, session);
    } else if (lane.number !== 0) {
      session.reset(new SessionError('gone', 'us', 'the connection of this lane is not known'));
    } else {
      return this.#open(session, lane.connection, addresses);
    }
    return undefined;
  }

  #open(session: Session, id: string, addresses: readonly string[]): MultiLaneConnection {
    const connection = new MultiLaneConnection(session, { addresses });
    this.#connections.set(id, connection);
    // A lane that comes late is told how the connection ended.
    void connection.drained.then(() => this.#connections.delete(id));
    return connection;
  }
}
