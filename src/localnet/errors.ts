/**
 * What a localnet, or a part of it, throws.
 *
 * @module
 */

/**
 * - `bad-option`: an option has a value that cannot be used.
 * - `port-in-use`: a port that was asked for, or that the state directory holds, is taken.
 * - `listen-failed`: an address cannot be listened on for another reason.
 * - `state-corrupt`: a file of the state directory cannot be understood. It is left as it is.
 * - `state-unusable`: the state directory or a file in it cannot be read or written.
 * - `no-such-node`: no node has that id.
 * - `closed`: the localnet was closed.
 */
export type LocalnetErrorCode =
  | 'bad-option'
  | 'port-in-use'
  | 'listen-failed'
  | 'state-corrupt'
  | 'state-unusable'
  | 'no-such-node'
  | 'closed';

/** An error of a localnet. Its message says what was wrong and what to do. */
export class LocalnetError extends Error {
  override readonly name = 'LocalnetError';
  readonly code: LocalnetErrorCode;

  constructor(code: LocalnetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
