import { parseAccessToken } from '../session/access-proof.js';
import type { Wants } from '../session/opener-routing.js';
import { isUpstreamName } from '../wire/open-request.js';

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
  if (upstream !== undefined && !isUpstreamName(upstream))
    throw new RangeError(`"${upstream}" cannot be the name of an upstream`);
  return { upstream, token: token === undefined ? undefined : parseAccessToken(token) };
}
