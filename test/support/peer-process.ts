import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { NymProxyClientOptions } from '../../src/node/proxy-client.js';
import type { NymProxyServerOptions } from '../../src/node/proxy-server.js';
import type { PeerAnswer, PeerRequest, PeerReset, Sample } from './peer-protocol.js';

const PEER = fileURLToPath(new URL('peer.js', import.meta.url));

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process of its own for a server or some clients: one that can be killed, and whose memory is theirs alone. */
export class PeerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #questions = new Map<number, Question>();
  #asked = 0;

  /** @param onReset hears of every session that was reset in it. */
  constructor(onReset: (reset: PeerReset) => void = () => undefined) {
    this.#child = fork(PEER, { execArgv: ['--expose-gc'] });
    this.#exited = once(this.#child, 'exit');
    this.#child.on('message', (message: PeerAnswer | PeerReset) => {
      if ('code' in message) onReset(message);
      else this.#answered(message);
    });
    this.#child.on('exit', () => this.#fail());
  }

  /** Starts a server; gives its Nym address. */
  server(options: Omit<NymProxyServerOptions, 'signal'>): Promise<string> {
    return this.#ask({ kind: 'server', options }) as Promise<string>;
  }

  /** Starts a client; gives the port it listens on. */
  client(name: string, options: Omit<NymProxyClientOptions, 'signal'>): Promise<number> {
    return this.#ask({ kind: 'client', name, options }) as Promise<number>;
  }

  /** Closes a client, or the `server`, in order. */
  async close(name: string): Promise<void> {
    await this.#ask({ kind: 'close', name });
  }

  sample(): Promise<Sample> {
    return this.#ask({ kind: 'sample' }) as Promise<Sample>;
  }

  /** Lets it die at once, without a word to anybody. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #ask(request: PeerRequest): Promise<unknown> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#questions.set(id, { resolve, reject });
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) this.#fail();
      else this.#child.send({ id, ...request });
    });
  }

  #answered(answer: PeerAnswer): void {
    const question = this.#questions.get(answer.id);
    this.#questions.delete(answer.id);
    if ('error' in answer) question?.reject(new Error(answer.error));
    else question?.resolve(answer.value);
  }

  #fail(): void {
    for (const { reject } of this.#questions.values()) reject(new Error('the process has ended'));
    this.#questions.clear();
  }
}
