import { Backoff } from './backoff.js';
import type { MixnetClient } from './client.js';
import { MixnetClientError } from './errors.js';

/** How a {@link ClientPool} gets its clients. */
export interface ClientPoolOptions {
  /** Clients kept ready. */
  readonly reserve: number;
  /** A client that is ready already and now the pool's own. */
  readonly first?: MixnetClient | undefined;
  /** Starts one ephemeral client; must settle, soon after the signal aborts too. */
  readonly start: (signal: AbortSignal) => Promise<MixnetClient>;
  /** Told when a start failed or a ready client died, with the ms until the next start. */
  readonly onFailure?: ((error: unknown, retryMs: number) => void) | undefined;
  /** Told when a start has succeeded again, with the ms since the first failure. */
  readonly onRecovery?: ((outageMs: number) => void) | undefined;
  /** A clock in ms; `performance.now()` unless given. */
  readonly now?: (() => number) | undefined;
}

/** A caller who waits for a client. */
interface Taker {
  readonly client: Promise<MixnetClient>;
  readonly resolve: (client: MixnetClient) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps a few clients connected, so that a new connection need not wait for one (tcp-proxy.md section 3).
 *
 * The reserve is filled one client at a time; each caller who finds it empty adds a start of his own, and gets
 * whichever client is ready first. A client taken never comes back. While starts fail, they are made one at a time, at
 * growing intervals, however many callers wait. So they are while clients start and die soon after.
 */
export class ClientPool {
  readonly #options: ClientPoolOptions;
  /** The ready clients, oldest first, with what stops listening to them. */
  readonly #ready = new Map<MixnetClient, () => void>();
  /** The starts under way that are still wanted. */
  readonly #starting = new Set<AbortController>();
  /** The starts under way, wanted or not. */
  readonly #running = new Set<Promise<void>>();
  readonly #takers = new Set<Taker>();
  readonly #backoff: Backoff;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ClientPoolOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.now);
    if (options.first) this.#keep(options.first);
    this.#fill();
  }

  /** Clients that can be taken at once. */
  get ready(): number {
    return this.#ready.size;
  }

  /** The clients that are kept ready. */
  get idle(): readonly MixnetClient[] {
    return [...this.#ready.keys()];
  }

  /**
   * Takes a client out of the pool, which its owner then closes.
   *
   * @throws what the start of a client for the caller threw.
   * @throws {MixnetClientError} `state`, if the pool is closed.
   * @throws the signal's reason if it aborts.
   */
  async take(signal?: AbortSignal): Promise<MixnetClient> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const client = this.#takeReady();
    if (client) {
      this.#fill();
      return client;
    }
    return this.#wait(signal);
  }

  /** A client that was taken died, and another is about to be taken for it: the next start waits as after a failure. */
  lost(reason: unknown): void {
    if (!this.#closed) this.#backOff(reason);
  }

  /** Makes the next try now, if one is waiting for its time; to be called when the network is back. */
  hurry(): void {
    if (this.#closed || !this.#retry) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#fill();
  }

  /** Closes every client that was not taken and ends the starts under way. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #takeReady(): MixnetClient | undefined {
    for (const [client, forget] of this.#ready) {
      forget();
      if (client.state === 'ready') return client;
      void client.close();
    }
    return undefined;
  }

  async #wait(signal: AbortSignal | undefined): Promise<MixnetClient> {
    const taker = newTaker();
    const abort = () => {
      this.#takers.delete(taker);
      taker.reject(signal?.reason);
      this.#dropSurplus();
    };
    signal?.addEventListener('abort', abort);
    this.#takers.add(taker);
    this.#fill();
    try {
      return await taker.client;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Starts what is missing. */
  #fill(): void {
    if (this.#closed || this.#retry) return;
    const atOnce = this.#backoff.failing ? 1 : Math.max(1, this.#takers.size);
    while (this.#missing() > 0 && this.#starting.size < atOnce) this.#startOne();
  }

  /** Clients that are neither ready nor on their way; below 0, that many too many are. */
  #missing(): number {
    return this.#options.reserve + this.#takers.size - this.#ready.size - this.#starting.size;
  }

  #startOne(): void {
    const control = new AbortController();
    this.#starting.add(control);
    const start = async () => this.#options.start(control.signal);
    const run = start()
      .then(
        (client) => this.#started(client, control),
        (error: unknown) => this.#notStarted(error, control),
      )
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #started(client: MixnetClient, control: AbortController): Promise<void> {
    if (!this.#starting.has(control)) return client.close();
    if (client.state !== 'ready') {
      this.#notStarted(client.lostReason, control);
      return client.close();
    }
    this.#starting.delete(control);
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const outageMs = this.#backoff.started();
    if (outageMs !== undefined) this.#options.onRecovery?.(outageMs);
    const [taker] = this.#takers;
    if (taker) {
      this.#takers.delete(taker);
      taker.resolve(client);
    } else {
      this.#keep(client);
    }
    this.#fill();
  }

  #notStarted(error: unknown, control: AbortController): void {
    if (!this.#starting.delete(control)) return;
    this.#backOff(error);
    // A taker waits on as long as a start is under way for him.
    for (const taker of [...this.#takers].slice(this.#starting.size)) {
      this.#takers.delete(taker);
      taker.reject(error);
    }
  }

  #keep(client: MixnetClient): void {
    const forget = client.on('state', () => this.#lostReserve(client));
    this.#ready.set(client, () => {
      forget();
      this.#ready.delete(client);
    });
  }

  /** A ready client died. Its replacement waits too, lest a gateway that kills its clients is hammered. */
  #lostReserve(client: MixnetClient): void {
    this.#ready.get(client)?.();
    this.#backOff(client.lostReason);
    void client.close();
  }

  /** Failures that come together, before the next try, count as one. */
  #backOff(error: unknown): void {
    if (this.#retry) return;
    const wait = this.#backoff.failed();
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#fill();
    }, wait);
    this.#options.onFailure?.(error, wait);
  }

  /** Ends the newest starts that nobody waits for any more. */
  #dropSurplus(): void {
    for (const control of [...this.#starting].reverse()) {
      if (this.#missing() >= 0) return;
      this.#starting.delete(control);
      control.abort(new MixnetClientError('state', 'Nobody waits for this client any more.'));
    }
  }

  async #close(): Promise<void> {
    clearTimeout(this.#retry);
    const starting = [...this.#starting];
    this.#starting.clear();
    for (const control of starting) control.abort(closedError());
    for (const taker of this.#takers) taker.reject(closedError());
    this.#takers.clear();
    const ready = [...this.#ready];
    for (const [, forget] of ready) forget();
    await Promise.allSettled([...this.#running, ...ready.map(([client]) => client.close())]);
  }
}

function newTaker(): Taker {
  let settle: Omit<Taker, 'client'> | undefined;
  const client = new Promise<MixnetClient>((resolve, reject) => (settle = { resolve, reject }));
  return { client, resolve: (value) => settle?.resolve(value), reject: (error) => settle?.reject(error) };
}

function closedError(): MixnetClientError {
  return new MixnetClientError('state', 'The client pool is closed.');
}
