import assert from 'node:assert/strict';

import { TunnelFetchError, type TunnelFetchErrorCode } from '../../src/http/index.js';

/** Checks that a promise rejects with a {@link TunnelFetchError} of this code, whose message matches. */
export async function rejectsWith(
  promise: Promise<unknown>,
  code: TunnelFetchErrorCode,
  message = /./,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert(error instanceof TunnelFetchError, String(error));
    assert(error instanceof TypeError);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}
