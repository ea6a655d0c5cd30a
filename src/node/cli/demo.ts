#!/usr/bin/env -S node --
/**
 * `npm start`: a network, a server, a client and a web server behind them, to see a TCP connection cross a mixnet.
 *
 * @module
 */
import { checkTunnel } from './demo-check.js';
import { demoCommand, portsOf, type DemoOptions } from './demo-options.js';
import { readyText, TITLE } from './demo-text.js';
import { startTunnel, type Step, type Tunnel } from './demo-tunnel.js';
import { CommandError } from './failure.js';
import { EXIT_FAILURE, runCommand, type Service, type Surroundings } from './run-command.js';
import { logSessions } from './session-log.js';
import { formatSeconds } from './units.js';

/** A check that takes longer has failed; at 60 kB/s it takes 20 s. */
const CHECK_LIMIT_MS = 300_000;

const command = demoCommand();

async function startDemo(options: DemoOptions, { log, signal }: Surroundings): Promise<Service> {
  print(TITLE);
  const failure = new AbortController();
  const onFailure = (error: Error) => failure.abort(new CommandError(error.message, { cause: error }));
  const tunnel = await startTunnel({ ...options, ...portsOf(command, options), onFailure, signal }, showStep);
  logSessions(tunnel.client, log, signal);
  return {
    run: async () => {
      const serving = tunnel.server.run({ signal });
      const broken = rejection(failure.signal);
      if (options.check) return Promise.race([check(tunnel, signal), failing(serving), broken]);
      print(readyText(tunnel, options));
      await Promise.race([Promise.all([serving, tunnel.client.run({ signal })]), broken]);
      return 0;
    },
    close: () => tunnel.close(),
  };
}
