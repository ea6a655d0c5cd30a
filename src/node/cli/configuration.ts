/**
 * What a command is told: by flags, else by the environment, else by a file, else by default.
 *
 * @module
 */
import { readFileSync } from 'node:fs';

import { InvalidArgumentError, type Command, type Option } from 'commander';
import { parse as parseToml } from 'smol-toml';

import type { Forward } from '../index.js';
import { CommandError, messageOf } from './failure.js';
import { forwardText } from './options.js';

/** Where a value came from; the first of these that gives one counts. */
const SOURCES = ['cli', 'environment', 'file', 'default'] as const;
type Source = (typeof SOURCES)[number];

interface Value {
  readonly value: unknown;
  readonly source: Source;
}

/** By the names of commander: `listenPort`. */
export type Configuration = ReadonlyMap<string, Value>;

const PREFIX = 'NYM_PROXY_';

/** Say what to do, not how; they are flags only. */
const FLAGS_ONLY = ['help', 'version', 'printConfig'];

/**
 * Completes what the flags of a parsed command say; a command without `--config` has nothing else.
 *
 * @throws {CommandError} naming the option, and where it was given, if a value is invalid or contradicts another.
 */
export function readConfiguration(command: Command, environment = process.env): Configuration {
  const options = command.options.filter((option) => !FLAGS_ONLY.includes(option.attributeName()));
  const isConfigurable = options.some(({ long }) => long === '--config');
  const values = new Map<string, Value>();
  const add = (option: Option, value: unknown, source: Source) => {
    if (value !== undefined) values.set(option.attributeName(), { value, source });
  };
  for (const option of options) {
    const name = option.attributeName();
    const isFlag = command.getOptionValueSource(name) === 'cli';
    const fromEnvironment = isConfigurable ? environment[variableOf(option)] : undefined;
    if (isFlag) add(option, command.getOptionValue(name), 'cli');
    else if (fromEnvironment !== undefined && fromEnvironment !== '')
      add(option, fromText(option, fromEnvironment), 'environment');
  }
  const file = values.get('config')?.value;
  const settings = typeof file === 'string' ? readFile(file) : {};
  for (const [key, setting] of Object.entries(settings)) {
    const option = options.find(({ long }) => long === `--${key}`);
    if (option === undefined || key === 'config')
      throw new CommandError(`"${key}" in ${String(file)} is no option of ${command.name()}. See --help.`);
    if (!values.has(option.attributeName())) add(option, fromSetting(option, setting, String(file)), 'file');
  }
  for (const option of options)
    if (!values.has(option.attributeName())) add(option, option.defaultValue as unknown, 'default');
  settleConflicts(options, values);
  return values;
}

/** The configuration as a file in TOML, with where each line came from. */
export function describeConfiguration(command: Command, configuration: Configuration): string {
  const lines = command.options.flatMap((option) => {
    const found = configuration.get(option.attributeName());
    if (found === undefined || option.long === '--config') return [];
    const origin = { cli: 'flag', environment: variableOf(option), file: 'file', default: 'default' }[
      found.source
    ];
    return `${option.long?.slice(2) ?? ''} = ${toToml(toSetting(option, found.value))} # ${origin}\n`;
  });
  return lines.join('');
}

/** The names of the options whose values differ. */
export function changedOptions(
  command: Command,
  before: Configuration,
  after: Configuration,
): readonly string[] {
  const valueIn = (configuration: Configuration, option: Option) =>
    JSON.stringify(configuration.get(option.attributeName())?.value);
  return command.options
    .filter((option) => valueIn(before, option) !== valueIn(after, option))
    .map(({ long }) => long ?? '');
}

function variableOf({ long }: Option): string {
  return PREFIX + (long ?? '').slice(2).replaceAll('-', '_').toUpperCase();
}

function readFile(path: string): Record<string, unknown> {
  try {
    const text = readFileSync(path, 'utf8');
    const settings: unknown = path.endsWith('.json') ? JSON.parse(text) : parseToml(text);
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings))
      return settings as Record<string, unknown>;
    throw new TypeError('it holds no settings by name');
  } catch (error) {
    throw new CommandError(
      `--config ${path} cannot be used: ${messageOf(error)}. Write it in TOML, or in JSON if its name ends so.`,
    );
  }
}

/** What the environment says: several values are separated by commas or blanks. */
function fromText(option: Option, text: string): unknown {
  const where = `in the environment (${variableOf(option)})`;
  if (option.isBoolean()) {
    if (/^(1|true|yes|on)$/i.test(text)) return true;
    if (/^(0|false|no|off)$/i.test(text)) return undefined;
    throw new CommandError(`${option.long ?? ''} ${where} is invalid: Give true or false.`);
  }
  const texts = isRepeatable(option) ? text.split(/[\s,]+/).filter((part) => part !== '') : [text];
  return parsed(option, texts, where);
}

/** What a file says: a table gives `name=value` for each entry. */
function fromSetting(option: Option, setting: unknown, file: string): unknown {
  const where = `in ${file}`;
  if (option.isBoolean()) {
    if (typeof setting === 'boolean') return setting || undefined;
    throw new CommandError(`${option.long ?? ''} ${where} is invalid: Give true or false.`);
  }
  const list =
    typeof setting === 'object' && setting !== null && !Array.isArray(setting)
      ? Object.entries(setting).map(([name, value]) => `${name}=${String(value)}`)
      : [setting].flat();
  if (list.length > 1 && !isRepeatable(option))
    throw new CommandError(`${option.long ?? ''} ${where} is invalid: Give one value.`);
  return parsed(option, list.map(String), where);
}

function parsed(option: Option, texts: readonly string[], where: string): unknown {
  const { parseArg } = option;
  try {
    return texts.reduce<unknown>(
      (before, text) =>
        parseArg ? (parseArg as (text: string, before: unknown) => unknown)(text, before) : text,
      undefined,
    );
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CommandError(`${option.long ?? ''} ${where} is invalid: ${error.message}`);
  }
}

function isRepeatable({ description }: Option): boolean {
  return description.includes('may be repeated');
}

/** What was said with more right wins; two of the same right are a mistake. */
function settleConflicts(options: readonly Option[], values: Map<string, Value>): void {
  for (const option of options) {
    for (const other of conflictsOf(option)) {
      const one = values.get(option.attributeName());
      const two = values.get(other);
      if (one === undefined || two === undefined || one.source === 'default' || two.source === 'default')
        continue;
      const long = options.find((candidate) => candidate.attributeName() === other)?.long ?? other;
      if (one.source === two.source)
        throw new CommandError(`${option.long ?? ''} cannot be used with ${long}.`);
      const weaker =
        SOURCES.indexOf(one.source) > SOURCES.indexOf(two.source) ? option.attributeName() : other;
      const byDefault = options.find((candidate) => candidate.attributeName() === weaker)
        ?.defaultValue as unknown;
      if (byDefault === undefined) values.delete(weaker);
      else values.set(weaker, { value: byDefault, source: 'default' });
    }
  }
}

/** Commander knows them, but its types do not. */
function conflictsOf(option: Option): readonly string[] {
  return (option as Option & { readonly conflictsWith: readonly string[] }).conflictsWith;
}

/** As a file has it. */
function toSetting(option: Option, value: unknown): unknown {
  return option.long === '--forward' ? (value as readonly Forward[]).map(forwardText) : value;
}

function toToml(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  const entries = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)} = ${toToml(member)}`);
  return `{ ${entries.join(', ')} }`;
}
