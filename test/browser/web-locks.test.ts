import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { holdLock } from '../../src/mixnet/browser/web-locks.js';

describe('the locks of a page that is not served securely', () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  before(() => Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true }));
  after(() => {
    if (own) Object.defineProperty(globalThis, 'navigator', own);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });

  it('are not to be had, and it says why', async () => {
    await assert.rejects(holdLock('any'), { code: 'identity', message: /https/ });
  });
});
