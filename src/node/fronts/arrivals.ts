import type { Socket } from 'node:net';

import type { UpstreamConnection } from '../../proxy/join.js';
import { streamsOf } from '../tcp.js';
import { ByteSource } from './byte-source.js';
import { endWith, GuardedConnection } from './guarded-connection.js';
import type { PageRules, Refusal } from './page-rules.js';
import { readProxyRequest } from './proxy-request.js';
import { RequestGuard } from './request-guard.js';

/**
 * How long an application may be silent until its connection is carried, since the upstream may be the one that speaks
 * first. Until then the upstream does not hear of a connection that a web page has made.
 */
const SILENCE_MS = 200;

/** The same where applications are expected to say something first. */
const PROXY_SILENCE_MS = 1000;

/** What is done with the connections of a listener. */
export interface FrontOptions {
  /** What is refused; nothing, without them. */
  readonly rules: PageRules | undefined;
  /** Where its connections lead; the server's default upstream unless given. */
  readonly upstream: string | undefined;
  /** Whether applications may name another upstream, by SOCKS5 or as to an HTTP proxy. */
  readonly proxy: boolean;
}

/** A connection that may be carried. */
export interface Arrival {
  readonly connection: UpstreamConnection;
  readonly upstream: string | undefined;
}

/** Connections of which it is not known yet whether they may be carried, and where to. */
export class Arrivals {
  readonly #onRefusal: (refusal: Refusal) => void;
  readonly #waiting = new Set<UpstreamConnection>();

  constructor(onRefusal: (refusal: Refusal) => void) {
    this.#onRefusal = onRefusal;
  }

  /**
   * The connection, once its beginning shows that it may be carried; `undefined` if it may not, and has been told so, or
   * has broken. Never rejects.
   */
  async admit(socket: Socket, front: FrontOptions): Promise<Arrival | undefined> {
    const connection = streamsOf(socket, 'aborted');
    if (front.rules === undefined && !front.proxy) return { connection, upstream: front.upstream };
    this.#waiting.add(connection);
    try {
      return await this.#judge(connection, socket.localAddress, front);
    } catch {
      connection.reset();
      return undefined;
    } finally {
      this.#waiting.delete(connection);
    }
  }

  /** Resets the connections that wait. */
  close(): void {
    for (const connection of this.#waiting) connection.reset();
  }

  async #judge(
    connection: UpstreamConnection,
    localAddress: string | undefined,
    { rules, upstream, proxy }: FrontOptions,
  ): Promise<Arrival | undefined> {
    const source = new ByteSource(connection);
    await source.arrival(proxy ? PROXY_SILENCE_MS : SILENCE_MS);
    const request = proxy ? await readProxyRequest(source, (bytes) => send(connection, bytes)) : 'none';
    if (request === 'refused') {
      await endWith(connection, source, new Uint8Array());
      return undefined;
    }
    const target = request === 'none' ? undefined : request;
    const ownRules = target && rules ? rules.with(target.host) : rules;
    const guard = ownRules && new RequestGuard(ownRules, localAddress);
    const guarded = new GuardedConnection(connection, source, guard, this.#onRefusal);
    const refusal = await guarded.begin(SILENCE_MS);
    if (refusal === undefined) return { connection: guarded, upstream: target?.upstream ?? upstream };
    await guarded.answer(refusal);
    return undefined;
  }
}

async function send({ writable }: UpstreamConnection, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
}
