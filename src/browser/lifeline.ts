import type { Failure, Reply } from './failures.js';
import type { TunnelService } from './tunnel-service.js';

/** Answers the calls to somebody who may die without answering them. */
export class Lifeline {
  readonly #pending = new Set<(failure: Failure) => void>();
  #failure: Failure | undefined;

  /** Never rejects. */
  call<T>(work: () => Promise<Reply<T>>): Promise<Reply<T>> {
    if (this.#failure) return Promise.resolve({ ok: false, failure: this.#failure });
    return new Promise((resolve) => {
      const fail = (failure: Failure) => resolve({ ok: false, failure });
      this.#pending.add(fail);
      work()
        .then(resolve, (error: unknown) => fail({ kind: 'other', message: String(error) }))
        .finally(() => this.#pending.delete(fail));
    });
  }

  /** Answers every open call, and all that come, with the failure. */
  cut(failure: Failure): void {
    this.#failure ??= failure;
    for (const fail of this.#pending) fail(failure);
    this.#pending.clear();
  }
}

/** A service whose calls are all answered, even if it dies. */
export function withLifeline(service: TunnelService, lifeline: Lifeline): TunnelService {
  return {
    open: (socket, upstream) => lifeline.call(() => service.open(socket, upstream)),
    read: (socket) => lifeline.call(() => service.read(socket)),
    write: (socket, bytes) => lifeline.call(() => service.write(socket, bytes)),
    finish: (socket) => lifeline.call(() => service.finish(socket)),
    ended: (socket) => lifeline.call(() => service.ended(socket)),
    reset: (socket) => lifeline.call(() => service.reset(socket)),
    inspect: () => lifeline.call(() => service.inspect()),
    nextState: (seen) => lifeline.call(() => service.nextState(seen)),
  };
}
