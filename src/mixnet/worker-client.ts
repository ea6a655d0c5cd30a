import { OptionError } from '../basics/options-check.js';
import { base58 } from '@scure/base';

import { parseNymAddress } from '../wire/nym-address.js';
import type {
  ClientTraffic,
  MixnetClient,
  MixnetClientEvents,
  MixnetClientState,
  MixnetMessage,
} from './client.js';
import { MixnetClientError } from './errors.js';
import { Listeners } from './listeners.js';
import type { TrafficProfile } from './options.js';
import { ALIVE_EVERY_MS, type ConnectStep, type FromWorker, type ToWorker } from './worker-protocol.js';

/** A worker that has said nothing for so many of its `alive` periods hangs. */
const SILENT_PERIODS = 6;

/** Messages that wait for the first listener; what comes on top of them is dropped. */
const MAX_UNHEARD_MESSAGES = 1_000;

/** The worker, seen from outside. */
export interface WorkerHandle {
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  /** Ends the worker and releases all that belongs to it. Settles when that is done; never rejects. */
  end(): Promise<void>;
}

/** What a worker says when its client has started. */
export type Started = Extract<FromWorker, { kind: 'started' }>;

/** What a client is, and who is told what comes before it is ready, and what it prints. */
export interface ClientWatch {
  readonly traffic?: TrafficProfile | undefined;
  readonly onLog?: ((line: string) => void) | undefined;
  readonly onProgress?: ((step: ConnectStep) => void) | undefined;
}

interface Request<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: MixnetClientError) => void;
}

/** The owner's side of a mixnet client that runs in a worker: its state, requests and their answers, supervision. */
export class WorkerMixnetClient implements MixnetClient {
  /** Settles when the worker's client has started or failed to; the latter with the official client's own words. */
  readonly started: Promise<Started>;
  readonly extendedPackets: boolean;

  readonly #worker: WorkerHandle;
  readonly #watch: ClientWatch;
  readonly #listeners: { [E in keyof MixnetClientEvents]: Listeners<MixnetClientEvents[E]> } = {
    message: new Listeners(),
    state: new Listeners(),
  };
  readonly #requests = new Map<number, Request<ClientTraffic | undefined>>();
  readonly #watchdog: ReturnType<typeof setInterval>;
  #start: Request<Started> | undefined;
  #state: MixnetClientState = 'connecting';
  #address = '';
  #lostReason: MixnetClientError | undefined;
  #ended: Promise<void> | undefined;
  #unheard: MixnetMessage[] | undefined = [];
  #lastId = 0;
  #checkedRecipient: string | undefined;
  #silentPeriods = 0;

  constructor(worker: WorkerHandle, watch: ClientWatch) {
    this.#worker = worker;
    this.#watch = watch;
    this.extendedPackets = watch.traffic === 'bulk';
    this.started = new Promise((resolve, reject) => (this.#start = { resolve, reject }));
    this.#watchdog = setInterval(() => this.#checkAlive(), ALIVE_EVERY_MS);
  }

  get state(): MixnetClientState {
    return this.#state;
  }

  get address(): string {
    return this.#address;
  }

  get lostReason(): MixnetClientError | undefined {
    return this.#lostReason;
  }

  async send(recipient: string, payload: Uint8Array, replySurbs: number): Promise<void> {
    this.#assertReady();
    const to = recipient.trim();
    this.#checkRecipient(to);
    if (!Number.isInteger(replySurbs) || replySurbs < 0) {
      throw new OptionError(`The number of reply SURBs must be a whole number, not ${replySurbs}.`);
    }
    const copy = new Uint8Array(payload);
    await this.#ask((id) => ({ kind: 'send', id, recipient: to, payload: copy, replySurbs }), [copy.buffer]);
  }

  async reply(senderTag: string, payload: Uint8Array): Promise<void> {
    this.#assertReady();
    checkSenderTag(senderTag);
    const copy = new Uint8Array(payload);
    await this.#ask((id) => ({ kind: 'reply', id, senderTag, payload: copy }), [copy.buffer]);
  }

  on<E extends keyof MixnetClientEvents>(
    event: E,
    listener: (value: MixnetClientEvents[E]) => void,
  ): () => void {
    const remove = this.#listeners[event].add(listener);
    if (event === 'message') this.#deliverUnheard();
    return remove;
  }

  async traffic(): Promise<ClientTraffic> {
    this.#assertReady();
    const traffic = await this.#ask((id) => ({ kind: 'count', id }), []);
    return traffic ?? { packetsWaiting: 0, packetsSent: 0 };
  }

  async flush(timeoutMs: number): Promise<void> {
    if (this.#state !== 'ready') return;
    const flushed = this.#ask((id) => ({ kind: 'flush', id }), []).catch(() => undefined);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([flushed, late]);
    clearTimeout(timer);
  }

  close(): Promise<void> {
    return this.#leave('closed', undefined);
  }

  /** The worker's next message. */
  receive(message: FromWorker): void {
    this.#silentPeriods = 0;
    if (this.#state === 'lost' || this.#state === 'closed') return;
    switch (message.kind) {
      case 'started':
        this.#hasStarted(message);
        break;
      case 'failed':
        this.fail(new MixnetClientError('gateway', message.reason));
        break;
      case 'lost':
        this.fail(new MixnetClientError('gateway', `${message.reason}. Start another client.`));
        break;
      case 'message':
        this.#arrived({ payload: message.payload, senderTag: message.senderTag });
        break;
      case 'done':
        this.#take(message.id)?.resolve(undefined);
        break;
      case 'traffic':
        this.#take(message.id)?.resolve(message.traffic);
        break;
      case 'reached':
        this.#watch.onProgress?.(message.step);
        break;
      case 'refused':
        this.#refused(message.id, message.reason);
        break;
      case 'log':
        this.#watch.onLog?.(message.line);
        break;
      case 'alive':
    }
  }

  /** The worker, or what it talks to, is dead. */
  fail(reason: MixnetClientError): void {
    if (this.#state === 'connecting' || this.#state === 'ready') void this.#leave('lost', reason);
  }

  #hasStarted(message: Started): void {
    this.#address = message.address;
    this.#state = 'ready';
    this.#start?.resolve(message);
    this.#listeners.state.call('ready');
  }

  /** Listeners hear of it once the worker has ended, so that they can start a successor with the same identity. */
  #leave(state: 'lost' | 'closed', reason: MixnetClientError | undefined): Promise<void> {
    if (this.#state === 'closed') return this.#ended ?? Promise.resolve();
    this.#state = state;
    this.#lostReason = reason;
    clearInterval(this.#watchdog);
    const refusal = reason ?? new MixnetClientError('state', 'The mixnet client was closed.');
    this.#start?.reject(refusal);
    for (const request of this.#requests.values()) request.reject(refusal);
    this.#requests.clear();
    this.#unheard = undefined;
    this.#ended ??= this.#worker.end();
    return this.#ended.then(() => {
      if (this.#state === state) this.#listeners.state.call(state);
    });
  }

  #arrived(message: MixnetMessage): void {
    if (this.#unheard === undefined) this.#listeners.message.call(message);
    else if (this.#unheard.length < MAX_UNHEARD_MESSAGES) this.#unheard.push(message);
  }

  #deliverUnheard(): void {
    queueMicrotask(() => {
      const unheard = this.#unheard ?? [];
      this.#unheard = undefined;
      for (const message of unheard) this.#listeners.message.call(message);
    });
  }

  #ask(message: (id: number) => ToWorker, transfer: ArrayBuffer[]): Promise<ClientTraffic | undefined> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#worker.post(message(id), transfer);
    });
  }

  #take(id: number): Request<ClientTraffic | undefined> | undefined {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    return request;
  }

  #refused(id: number, reason: string): void {
    this.#take(id)?.reject(
      new MixnetClientError('address', `The official client refused a message: ${reason}.`),
    );
    // What it says after a panic (nym-api.md section 8).
    if (reason.includes('stopped receiving')) this.fail(new MixnetClientError('crashed', reason));
  }

  #assertReady(): void {
    if (this.#state === 'ready') return;
    const why = this.#lostReason ? `: ${this.#lostReason.message}` : '.';
    throw new MixnetClientError('state', `The mixnet client is ${this.#state}${why}`, {
      cause: this.#lostReason,
    });
  }

  /** Most clients write to one address only, and checking it decodes three keys. */
  #checkRecipient(recipient: string): void {
    if (recipient === this.#checkedRecipient) return;
    try {
      parseNymAddress(recipient);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new MixnetClientError('address', `"${recipient}" is not a Nym address: ${why}.`, {
        cause: error,
      });
    }
    this.#checkedRecipient = recipient;
  }

  #checkAlive(): void {
    this.#silentPeriods += 1;
    if (this.#silentPeriods < SILENT_PERIODS) return;
    const seconds = (SILENT_PERIODS * ALIVE_EVERY_MS) / 1_000;
    this.fail(
      new MixnetClientError('crashed', `The official client hangs: its worker was silent for ${seconds} s.`),
    );
  }
}

/** Anything else than 16 bytes never came from {@link MixnetMessage.senderTag}. */
function checkSenderTag(senderTag: string): void {
  try {
    if (senderTag.length <= 22 && base58.decode(senderTag).length === 16) return;
  } catch {
    // Not base58: refused below.
  }
  throw new MixnetClientError('address', `"${senderTag}" is not a sender tag.`);
}
