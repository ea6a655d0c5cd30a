import { OptionError } from '../basics/options-check.js';
import { parseAccessToken } from '../session/access-proof.js';
import type { Wants } from '../session/opener-routing.js';
import { isUpstream } from '../wire/open-request.js';

/**
 * What a client's options ask of a server of ours; `undefined` if nothing.
 *
 * @throws {RangeError} if the token or the name cannot be one.
 */
export function wantsOf(options: {
  readonly token?: string | undefined;
  readonly upstream?: string | undefined;
}): Wants | undefined {
  const { token, upstream } = options;
  if (token === undefined && upstream === undefined) return undefined;
  if (upstream !== undefined && !isUpstream(upstream))
    throw new OptionError(`"${upstream}" cannot be an upstream; give its name at the server, or host:port`);
  return { upstream, token: token === undefined ? undefined : parseAccessToken(token) };
}
