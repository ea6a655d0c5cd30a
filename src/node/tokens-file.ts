import { statSync, type Stats } from 'node:fs';

import { PrivateFileError, readPrivateFile } from '../mixnet/node/private-file.js';
import { parseAccessToken } from '../session/access-proof.js';

/** Every proof of access is checked against all tokens. */
const MAX_TOKENS = 256;

/** A larger file is probably the wrong one. */
const MAX_FILE_BYTES = 256 * 1024;

/** How long the file is taken to be unchanged without looking. */
const LOOK_EVERY_MS = 1000;

/** A file of access tokens cannot be used; the message says which, why and what to do. */
export class TokensFileError extends Error {
  override readonly name = 'TokensFileError';
  readonly code = 'tokens-file';
}

/**
 * Reads a file of access tokens: one a line, with whatever the operator notes behind a blank. Empty lines, and those
 * that start with `#`, are comments. Like an identity it must be its owner's alone.
 *
 * @throws {TokensFileError}
 */
export function readTokens(path: string): readonly string[] {
  return parseTokens(path, readTokensFile(path).text);
}

/** The access tokens of a file, read again when it changes. */
export class TokensFile {
  readonly #path: string;
  readonly #onError: (error: TokensFileError) => void;
  #tokens: readonly string[] | undefined;
  #version: string | undefined;
  #lookedAt = performance.now();

  /**
   * @param onError told when the file can no longer be used, once, and at every {@link reload} that fails.
   * @throws {TokensFileError} if it cannot be used now.
   */
  constructor(path: string, onError: (error: TokensFileError) => void) {
    this.#path = path;
    this.#onError = onError;
    const { text, version } = readTokensFile(path);
    this.#tokens = parseTokens(path, text);
    this.#version = version;
  }

  /** The tokens that are good now, the same array until the file changes; `undefined` while it cannot be used. */
  get tokens(): readonly string[] | undefined {
    if (performance.now() - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = performance.now();
      if (this.#currentVersion() !== this.#version) this.#read(this.#tokens !== undefined);
    }
    return this.#tokens;
  }

  /** Reads the file now. */
  reload(): void {
    this.#read(true);
  }

  #read(reporting: boolean): void {
    try {
      const { text, version } = readTokensFile(this.#path);
      this.#version = version;
      this.#tokens = parseTokens(this.#path, text);
    } catch (error) {
      if (!(error instanceof TokensFileError)) throw error;
      // It is tried again at every look.
      this.#version = undefined;
      this.#tokens = undefined;
      if (reporting) this.#onError(error);
    }
  }

  #currentVersion(): string {
    try {
      return versionOf(statSync(this.#path));
    } catch {
      return 'none';
    }
  }
}

function parseTokens(path: string, text: string): readonly string[] {
  const tokens = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [token = ''] = line.trim().split(/\s/);
    if (token === '' || token.startsWith('#')) continue;
    try {
      parseAccessToken(token);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TokensFileError(`Line ${index + 1} of the tokens file ${path} cannot be used: ${why}.`);
    }
    tokens.add(token);
  }
  if (tokens.size > MAX_TOKENS)
    throw new TokensFileError(`The tokens file ${path} has more than ${MAX_TOKENS} tokens. Give fewer.`);
  return [...tokens];
}

function readTokensFile(path: string): { readonly text: string; readonly version: string } {
  try {
    const { bytes, stats } = readPrivateFile(path, MAX_FILE_BYTES);
    return { text: bytes.toString(), version: versionOf(stats) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TokensFileError(
      error instanceof PrivateFileError
        ? `The tokens file ${path} cannot be used: ${why}.`
        : `The tokens file ${path} cannot be read (${why}). Give one that can.`,
      { cause: error },
    );
  }
}

/** The mode belongs to it: a file that was made private may be used. */
function versionOf({ ino, size, mtimeMs, ctimeMs, mode }: Stats): string {
  return [ino, size, mtimeMs, ctimeMs, mode].join(' ');
}
