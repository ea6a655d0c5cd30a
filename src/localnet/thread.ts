import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';

import { releaseProxy, wrap, type Remote } from 'comlink';

import { comlinkEndpoint } from './comlink-endpoint.js';
import { LocalnetError } from './errors.js';
import type { HostPlan } from './node-host.js';
import type { NodeThreadApi, NodeThreadData, Outcome } from './node-thread.js';

/** A worker thread that hosts nodes, as the main thread sees it. */
export class NodeThread {
  readonly #worker: Worker;
  readonly #control: MessagePort;
  readonly #api: Remote<NodeThreadApi>;
  /** Rejects what is under way. */
  readonly #underWay = new Set<(reason: LocalnetError) => void>();
  #ended: LocalnetError | undefined;

  /** @param onDeath hears of it if the thread ends by itself */
  constructor(plan: HostPlan, onDeath: (error: LocalnetError) => void) {
    const { port1, port2 } = new MessageChannel();
    const data: NodeThreadData = { plan, control: port2 };
    const transferList = [port2, ...plan.links.map(({ end }) => end.port)];
    this.#worker = new Worker(new URL('./node-thread.js', import.meta.url), {
      // Flags of the parent, as --test or --input-type, are not meant for the thread.
      execArgv: [],
      workerData: data,
      transferList,
    });
    this.#control = port1;
    this.#api = wrap<NodeThreadApi>(comlinkEndpoint(port1));

    const died = (reason: string): void => {
      if (this.#ended !== undefined) return;
      const error = new LocalnetError(
        'closed',
        `a thread of the localnet died: ${reason}; start a new localnet`,
      );
      this.#end(error);
      onDeath(error);
    };
    this.#worker.on('error', (error) => died(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', (code) => died(`exit code ${code}`));
  }

  /**
   * Asks the thread for something.
   * @throws {LocalnetError} what the thread throws; `closed` if it has ended
   */
  async call<T>(ask: (api: Remote<NodeThreadApi>) => Promise<Outcome<T>>): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    let cancel: ((reason: LocalnetError) => void) | undefined;
    const ended = new Promise<never>((_, reject) => {
      cancel = reject;
      this.#underWay.add(reject);
    });
    try {
      const outcome = await Promise.race([ask(this.#api), ended]);
      if (outcome.ok) return outcome.value;
      throw outcome.code === undefined
        ? new Error(outcome.message)
        : new LocalnetError(outcome.code, outcome.message);
    } finally {
      if (cancel !== undefined) this.#underWay.delete(cancel);
    }
  }

  /**
   * Stops all nodes and ends the thread, and with it all calls under way.
   * @throws {LocalnetError} if a gateway cannot write its state, once the thread has ended
   */
  async close(): Promise<void> {
    try {
      if (this.#ended === undefined) await this.call((api) => api.close());
    } finally {
      if (this.#ended === undefined) this.#end(new LocalnetError('closed', 'the localnet was closed'));
      await this.#worker.terminate();
    }
  }

  #end(reason: LocalnetError): void {
    this.#ended = reason;
    this.#api[releaseProxy]();
    this.#control.close();
    for (const reject of this.#underWay) reject(reason);
    this.#underWay.clear();
  }
}
