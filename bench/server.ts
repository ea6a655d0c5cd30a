import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import type { ServerOrder, ServerReport } from './server-process.js';

/** A server of the benchmark in a process of its own. */
export class BenchServer implements AsyncDisposable {
  readonly address: string;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#process = child;
    this.address = address;
  }

  static async start(order: ServerOrder): Promise<BenchServer> {
    const child = fork(new URL('./server-process.js', import.meta.url), [JSON.stringify(order)]);
    return new BenchServer(child, (await nextReport(child)).address);
  }

  /** What it has used so far. */
  usage(): Promise<ServerReport> {
    this.#process.send('report');
    return nextReport(this.#process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }
}

async function nextReport(child: ChildProcess): Promise<ServerReport> {
  const control = new AbortController();
  const { signal } = control;
  const died = once(child, 'exit', { signal }).then(() => {
    throw new Error('the process of a server ended');
  });
  try {
    const [report] = (await Promise.race([once(child, 'message', { signal }), died])) as [ServerReport];
    return report;
  } finally {
    control.abort();
    died.catch(() => undefined);
  }
}
