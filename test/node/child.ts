import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** How a child process ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A child process of a test, killed at the test's end if it still runs. */
export interface Child {
  /** What it wrote so far. */
  readonly written: { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<Outcome>;
  /** Settles once what it wrote to `stream` matches; rejects if it ends before. */
  until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** Gives it this on stdin, and no more. */
  endWith(input: string): Promise<Outcome>;
}

/** Runs a compiled file of the project, named from the build's root, in a process of its own. */
export function runFile(t: TestContext, path: string, ...args: string[]): Child {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  // Without `--` Node takes --env-file for its own.
  const child = spawn(process.execPath, ['--', file, ...args], { stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  const written = { stdout: '', stderr: '' };
  const looks = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      written[stream] += text;
      for (const look of [...looks]) look();
    });
  }
  const ended = (once(child, 'close') as Promise<[number | null]>).then(([code]) => ({ code, ...written }));
  return {
    written,
    ended,
    until: (stream, pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(written[stream]);
          if (!match) return;
          looks.delete(look);
          resolve(match);
        };
        looks.add(look);
        look();
        void ended.then(({ stdout, stderr }) => {
          reject(new Error(`it ended without ${String(pattern)}:\n${stdout}${stderr}`));
        });
      }),
    kill: (signal) => void child.kill(signal),
    endWith: (input) => {
      child.stdin.end(input);
      return ended;
    },
  };
}

/** The whole answer to a GET over a connection of its own. */
export async function fetchBody(url: string): Promise<Buffer> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  return buffer(response);
}
