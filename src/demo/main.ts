/**
 * `npm start`: a network, a server, a client and a web server behind them, to see a TCP connection cross a mixnet.
 *
 * @module
 */
import { checkTunnel } from './check.js';
import { checkPage } from './page-check.js';
import { startPageServer, type DemoSite, type PageServer } from './page-server.js';
import { demoCommand, portsOf, type DemoOptions } from './options.js';
import { readyText, TITLE } from './text.js';
import { startTunnel, type Step, type Tunnel } from './tunnel.js';
import { CommandError } from '../node/cli/failure.js';
import { EXIT_OK, runCommand, type Service, type Surroundings } from '../node/cli/run-command.js';
import { logSessions } from '../node/cli/session-log.js';
import { formatSeconds } from '../node/cli/units.js';

/** What is done takes more room than this rarely, and a terminal has 80 columns. */
const STEP_COLUMNS = 60;

const command = demoCommand();

async function startDemo(options: DemoOptions, { log, signal }: Surroundings): Promise<Service> {
  print(TITLE);
  let breakOff: (error: unknown) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => (breakOff = reject));
  broken.catch(() => undefined);
  const ports = portsOf(command, options);
  const tunnel = await startTunnel(
    { ...options, ...ports, onFailure: (error) => breakOff(error), signal },
    showStep,
  );
  if (!options.check) logSessions(tunnel.client, log, signal);
  const page = await showStep('page: what shows the tunnel in a browser', () =>
    startPageServer({
      port: ports.pagePort,
      portFixed: ports.pagePortFixed,
      site: siteOf(tunnel, options),
    }),
  ).catch(async (error: unknown) => {
    await tunnel.close();
    throw error;
  });
  return {
    run: async () => {
      const serving = tunnel.server.run({ signal }).then(() => EXIT_OK);
      return Promise.race([
        options.check ? check(tunnel, page, signal) : show(tunnel, page, options, signal),
        serving,
        broken,
      ]);
    },
    close: async () => {
      await Promise.all([page.close(), tunnel.close()]);
    },
  };
}

/** What the page is told. */
function siteOf({ localnet, server, upstream }: Tunnel, options: DemoOptions): DemoSite {
  return {
    network: { name: 'localnet', apiUrl: localnet.apiUrl },
    localnet: true,
    serverAddress: server.nymAddress,
    upstream,
    demoUpstream: options.upstream === undefined,
    traffic: options.traffic,
  };
}

async function show(
  tunnel: Tunnel,
  { url }: PageServer,
  options: DemoOptions,
  signal: AbortSignal,
): Promise<number> {
  print(readyText(tunnel, url, options));
  await tunnel.client.run({ signal });
  return EXIT_OK;
}

async function check({ client, upstream }: Tunnel, page: PageServer, signal: AbortSignal): Promise<number> {
  const { host, port } = client.listenAddress;
  print('');
  const allEqual = await checkTunnel(`${host}:${port}`, upstream, signal, print);
  if (!allEqual)
    throw new CommandError('The tunnel did not carry everything as it was sent. Please report it.');
  await checkPage(page.url, signal);
  print('\nEverything arrived as it was sent. The page is served as it should be.');
  return EXIT_OK;
}

const showStep: Step = async (what, work) => {
  const startedAt = performance.now();
  process.stdout.write(`  ${what.padEnd(STEP_COLUMNS)}`);
  try {
    const result = await work();
    print(formatSeconds(performance.now() - startedAt).padStart(8));
    return result;
  } catch (error) {
    print(error instanceof Error && error.name === 'AbortError' ? ' not done' : '  failed');
    throw error;
  }
};

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await runCommand(command, startDemo);
