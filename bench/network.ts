import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { LocalnetReport, TroubleReport } from './localnet-process.js';

/** A localnet in a process of its own, whose mixes hold each packet for 15 ms on average. */
export class BenchNetwork implements AsyncDisposable {
  readonly apiUrl: string;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, apiUrl: string, directory: string) {
    this.#process = child;
    this.apiUrl = apiUrl;
    this.#directory = directory;
  }

  /** @param onTrouble hears, in words for people, of packets that were dropped because the machine is too busy. */
  static async start(onTrouble: (what: string) => void): Promise<BenchNetwork> {
    const child = fork(new URL('./localnet-process.js', import.meta.url));
    const [report] = (await once(child, 'message')) as [LocalnetReport];
    child.on('message', (message) => onTrouble((message as TroubleReport).trouble));
    const directory = await mkdtemp(join(tmpdir(), 'nym-tcp-proxy-bench-'));
    const network = new BenchNetwork(child, report.apiUrl, directory);
    await writeFile(network.env, report.envFile);
    return network;
  }

  /** Path of its env file. */
  get env(): string {
    return join(this.#directory, 'localnet.env');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }
}
