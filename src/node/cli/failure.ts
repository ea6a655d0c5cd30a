/**
 * What can go wrong for a reason the user can do something about.
 *
 * @module
 */
import { OptionError } from '../../basics/options-check.js';
import { MixnetClientError, TokensFileError, WireError } from '../index.js';

/** A command cannot go on; the message says what was wrong and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** What was wrong and what to do, in one line; `undefined` if the error is a fault of this program. */
export function explainFailure(error: unknown): string | undefined {
  const text = explanation(error);
  return text === undefined ? undefined : oneLine(text);
}

/** An error's message, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Line breaks, and whatever else would disturb a terminal, become blanks. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
}

function explanation(error: unknown): string | undefined {
  if (error instanceof CommandError) return error.message;
  if (error instanceof TokensFileError) return error.message;
  if (error instanceof OptionError) return `${error.message}.`;
  if (error instanceof MixnetClientError || error instanceof WireError) return error.message;
  return error instanceof Error ? listenExplanation(error) : undefined;
}

/** Listening on a local port is the only thing whose errors come from the operating system as they are. */
function listenExplanation(
  error: NodeJS.ErrnoException & { address?: string; port?: number },
): string | undefined {
  const { code, syscall } = error;
  if (syscall === 'getaddrinfo') {
    return `The listen address cannot be resolved: ${error.message}. Give an IP address of this machine, as 127.0.0.1.`;
  }
  if (syscall !== 'listen') return undefined;
  const where = `${error.address ?? 'the listen address'}, port ${error.port ?? 0}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${where}, is in use. End the program that uses it, or give another --listen-port.`;
    case 'EACCES':
      return `${where}, may not be listened on by this user. Give a --listen-port from 1024 on.`;
    case 'EADDRNOTAVAIL':
      return `${where}, cannot be listened on: this machine has no such address. Give one that it has, as 127.0.0.1.`;
    default:
      return `${where}, cannot be listened on: ${error.message}. Give another port or address.`;
  }
}
