import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';
import { v4, validate, version } from 'uuid';

import { WireError } from '../../src/wire/errors.js';
import {
  newSessionId,
  SESSION_PROTOCOL_VERSION,
  sessionIdFromBytes,
  sessionIdToBytes,
  sessionProtocolVersion,
} from '../../src/wire/session-id.js';

describe('session ids', () => {
  it('of our own are UUIDs v8 that state the protocol version', () => {
    const id = newSessionId();
    assert.ok(validate(id));
    assert.equal(version(id), 8);
    assert.equal(sessionProtocolVersion(id), SESSION_PROTOCOL_VERSION);
    assert.notEqual(newSessionId(), id);
  });

  it('of a Rust client state no version', () => {
    assert.equal(sessionProtocolVersion(v4()), 0);
  });

  it('may be any 16 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepEqual(sessionIdToBytes(sessionIdFromBytes(bytes)), bytes);
      }),
    );
    assert.throws(() => sessionIdFromBytes(new Uint8Array(15)), WireError);
    assert.throws(() => sessionIdToBytes('not a session id'), WireError);
  });
});
