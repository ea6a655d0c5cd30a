import { sumOf, type NodeCounters } from './counters.js';
import { newCounters, type GatewayCounters } from './gateway/counters.js';
import { Gateway, type GatewayMemory, type GatewayOptions } from './gateway/gateway.js';
import type { Arrival, Link } from './link.js';
import { MixNode, type MixNodeOptions } from './mix-node.js';
import type { RotationKey } from './sphinx-keys.js';

/** A gateway of the network: a node that unwraps packets, and the {@link Gateway} that its clients see. */
export class GatewayNode {
  readonly #mixing: MixNode;
  #options: GatewayOptions;
  #gateway: Gateway | undefined;
  #memory: GatewayMemory | undefined;
  /** What was counted before the last stop. */
  #past = newCounters();
  /** Stopping and starting takes turns. */
  #turn: Promise<void> = Promise.resolve();

  /** A gateway that is stopped; {@link start} it. */
  constructor(options: Omit<MixNodeOptions, 'onFinal'>, gateway: GatewayOptions, link: Link) {
    this.#options = gateway;
    this.#mixing = new MixNode({ ...options, onFinal: (final) => this.#gateway?.finalHop(final) }, link);
    this.#mixing.stop();
  }

  get running(): boolean {
    return this.#mixing.running;
  }

  /** The WebSocket port, which a port 0 became when the gateway first started. */
  get wsPort(): number {
    return this.#options.wsPort;
  }

  /** The port for TLS, if the gateway offers it. */
  get wssPort(): number | undefined {
    return this.#options.tls?.wssPort;
  }

  /** Why it first dropped a packet for a reason of its own; `undefined` if it never did. */
  get fault(): string | undefined {
    return this.#mixing.fault;
  }

  rotateKey(next: RotationKey): void {
    this.#mixing.rotateKey(next);
  }

  endKeyOverlap(): void {
    this.#mixing.endKeyOverlap();
  }

  receive(arrival: Arrival): void {
    this.#mixing.receive(arrival);
  }

  /**
   * Listens for clients, with everything the gateway knew of them before it was stopped.
   * @throws {LocalnetError} as {@link Gateway.start}; the gateway stays stopped then
   */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.running) return;
      const forward = this.#mixing.originate.bind(this.#mixing);
      this.#gateway = await Gateway.start(this.#options, forward, this.#memory);
      const { wsPort, wssPort } = this.#gateway;
      const { tls } = this.#options;
      this.#options = { ...this.#options, wsPort, ...(tls && wssPort && { tls: { ...tls, wssPort } }) };
      this.#mixing.start();
    });
  }

  /**
   * Ends all connections and drops every packet from now on.
   * @throws {LocalnetError} if the state cannot be written; the gateway is stopped all the same
   */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      this.#mixing.stop();
      const gateway = this.#gateway;
      if (gateway === undefined) return;
      this.#gateway = undefined;
      this.#memory = gateway.memory;
      try {
        await gateway.close();
      } finally {
        this.#past = sumOf(newCounters(), [this.#past, { ...gateway.counters(), connections: 0 }]);
      }
    });
  }

  /** What the node did with packets. */
  counters(): NodeCounters {
    return this.#mixing.counters();
  }

  /** What the gateway did for clients, times before a stop included. */
  gatewayCounters(): GatewayCounters {
    return sumOf(newCounters(), [this.#past, this.#gateway?.counters() ?? newCounters()]);
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
