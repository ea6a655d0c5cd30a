/**
 * Options that several commands have, and how their values are read.
 *
 * @module
 */
import { Command, InvalidArgumentError, Option } from 'commander';

import { parseNymAddress, WireError, type Forward, type TrafficProfile } from '../index.js';
import { MAX_LANES } from '../../wire/lane.js';
import { isUpstream, isUpstreamName } from '../../wire/open-request.js';
import { PageRules } from '../fronts/page-rules.js';
import { parseUpstream } from '../upstreams.js';
import { LOG_FORMATS, LOG_LEVELS } from './log.js';
import { VERSION } from './version.js';

const TRAFFIC_PROFILES: readonly TrafficProfile[] = ['default', 'bulk', 'fast'];

const MAX_PORT = 65_535;

/** A day; timers cannot hold more than 24 of them. */
const MAX_TIMEOUT_S = 86_400;

export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .version(`${name} ${VERSION}`, '--version', 'show the version')
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .helpOption('-h, --help', 'show this help');
}

export function logFormatOption(): Option {
  return new Option('--log-format <format>', 'how to log on stderr').choices(LOG_FORMATS).default('text');
}

export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'least important events to log')
    .choices(LOG_LEVELS)
    .default('info');
}

export function protocolOption(meaning: string, choices: readonly string[], byDefault: string): Option {
  return new Option('--protocol <protocol>', meaning).choices(choices).default(byDefault);
}

export function envPathOption(): Option {
  return new Option('-e, --env-path <file>', 'Nym env file that names the network (default: mainnet)');
}

export function trafficOption(byDefault: TrafficProfile): Option {
  return new Option('--traffic <profile>', 'what it hides, see below')
    .choices(TRAFFIC_PROFILES)
    .default(byDefault);
}

/** Belongs after the help of a command with {@link trafficOption}. */
export const TRAFFIC_HELP = `
Traffic profiles, and what an observer of the line to the gateway sees:
  default  that Nym is in use, and nothing more; carries up to 80 kB/s
  bulk     the same, and perhaps that bulk data passes; up to 1.6 MB/s
  fast     when and how much is sent; as fast as it goes, for tests
`;

export function lanesOption(meaning: string): Option {
  return new Option('--lanes <n>', meaning).argParser(wholeNumber(1, MAX_LANES)).default(1);
}

export function closeTimeoutOption(byDefault: number): Option {
  const meaning = 'time of silence after which a session with a Rust peer that has sent everything ends';
  return new Option('--close-timeout <seconds>', meaning)
    .argParser(wholeNumber(1, MAX_TIMEOUT_S))
    .default(byDefault);
}

export function port(text: string): number {
  return wholeNumber(0, MAX_PORT)(text);
}

/** `[ip:]port=name` or `unix:PATH=name`, added to those given before. */
export function forward(text: string, before: readonly Forward[] = []): readonly Forward[] {
  const [, where = '', name = ''] = /^(.+)=([^=]*)$/.exec(text) ?? [];
  const rule = `Write it as port=name, ip:port=name or unix:PATH=name; ${NAME_RULE}.`;
  if (!isUpstream(name)) throw new InvalidArgumentError(rule);
  if (where.startsWith('unix:') && where.length > 5)
    return [...before, { path: where.slice(5), upstream: name }];
  const [, host6, host, digits = ''] = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(where) ?? [];
  if (digits === '' || Number(digits) > MAX_PORT) throw new InvalidArgumentError(rule);
  return [...before, { host: host6 ?? host, port: Number(digits), upstream: name }];
}

/** As {@link forward} reads it. */
export function forwardText({ path, host, port: number, upstream }: Forward): string {
  if (path !== undefined) return `unix:${path}=${upstream ?? ''}`;
  const before = host === undefined ? '' : `${host.includes(':') ? `[${host}]` : host}:`;
  return `${before}${number ?? 0}=${upstream ?? ''}`;
}

/** A path, added to those given before. */
export function paths(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function portOption(flags: string, meaning: string, byDefault: number): Option {
  return new Option(flags, `${meaning}, 0 for any`).argParser(wholeNumber(0, MAX_PORT)).default(byDefault);
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

export function probability(text: string): number {
  const value = Number(text);
  if (/^[\d.]+$/.test(text) && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Give a probability from 0 to 1, as 0.05.');
}

/** Seconds, of which 0 means no limit. */
export function limitOption(flags: string, meaning: string, byDefaultMs: number): Option {
  return new Option(`${flags} <seconds>`, `${meaning}; 0: no limit`)
    .argParser(wholeNumber(0, MAX_TIMEOUT_S))
    .default(byDefaultMs / 1000);
}

/** Of every command that runs for long. */
export function operatingOptions(): readonly Option[] {
  return [
    new Option('--metrics-port <port>', 'serves /metrics for Prometheus, and /healthz').argParser(
      wholeNumber(0, MAX_PORT),
    ),
    new Option('--metrics-host <ip>', 'whoever can connect to it can read them').default('127.0.0.1'),
    new Option(
      '--metrics-allow-host <name>',
      'answers under this host name too, besides localhost and IP addresses; may be repeated',
    ).argParser(hostName),
    new Option('--grace <seconds>', 'time for open connections to end by themselves at SIGTERM')
      .argParser(wholeNumber(0, MAX_TIMEOUT_S))
      .default(3),
    new Option(
      '--config <file>',
      'reads options from this file, in TOML or JSON, by their long names; flags, then $NYM_PROXY_..., go before it',
    ),
    new Option('--print-config', 'shows what the options come to, as such a file, and ends'),
    logFormatOption(),
    logLevelOption(),
    new Option('--log-file <file>', 'logs there, not on stderr; opened anew at SIGHUP'),
    new Option('--access-log <file>', 'writes a line of JSON for each connection there'),
  ];
}

/** What lets web pages use the port of a client. */
export function webPageOptions(): readonly Option[] {
  return [
    new Option(
      '--allow-host <name>',
      'the port is known under this host name too, so that requests for it pass; may be repeated',
    ).argParser(hostName),
    new Option(
      '--allow-origin <origin>',
      'pages of this origin, as http://localhost:3000, may use the port; may be repeated',
    ).argParser(pageOrigin),
    new Option(
      '--allow-web-pages',
      "all pages may: any website open in a browser here can then reach the upstream and link its visitor to this tunnel's use",
    ).conflicts(['allowHost', 'allowOrigin']),
  ];
}

function hostName(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, checkedBy(() => new PageRules({ allowHosts: [text] }), text)];
}

function pageOrigin(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, checkedBy(() => new PageRules({ allowOrigins: [text] }), text)];
}

function checkedBy(check: () => unknown, text: string): string {
  try {
    check();
    return text;
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

/** `name=host:port` or `name=unix:PATH`, added to those given before. */
export function namedUpstream(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name = '', address = ''] = /^([^=]*)=(.*)$/.exec(text) ?? [];
  if (!isUpstreamName(name))
    throw new InvalidArgumentError(
      `Write it as name=host:port, name=tls://host:port or name=unix:PATH; ${NAME_RULE}.`,
    );
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Give each name once.');
  return { ...before, [name]: upstreamAddress(address) };
}

export function upstreamName(text: string): string {
  if (isUpstream(text)) return text;
  throw new InvalidArgumentError(`Give a name as the server has it, or host:port; ${NAME_RULE}.`);
}

/** Whatever was given, added to what was given before. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

const NAME_RULE = 'a name has up to 63 letters, digits, ".", "_" and "-", and starts with a letter or digit';

/** `host:port`, `tls://host:port` or `unix:PATH`, as it was given. */
export function upstreamAddress(text: string): string {
  try {
    parseUpstream(text);
    return text;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    if (text.startsWith('tls:')) throw new InvalidArgumentError(`${error.message}.`);
    throw new InvalidArgumentError(
      'Write it as host:port, for example 127.0.0.1:8000, as tls://host:port or unix:PATH.',
    );
  }
}

/** A Nym address, without the blanks around it, added to those given before. */
export function nymAddresses(text: string, before: readonly string[] = []): readonly string[] {
  try {
    parseNymAddress(text);
    return [...before, text.trim()];
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new InvalidArgumentError(`Give the address as the server printed it: ${error.message}.`);
  }
}
