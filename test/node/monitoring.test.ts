import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { measure, type Measured } from '../../src/node/cli/metrics.js';

const MONITORING = new URL('../../../deploy/monitoring/', import.meta.url);

const proxy: Measured = {
  counts: {
    sessionsOpen: 0,
    sessionsOpened: 0,
    sessionsEnded: 0,
    resets: new Map(),
    refusals: new Map(),
    bytesSent: 0,
    bytesReceived: 0,
  },
  ready: true,
  surbs: 0,
  serverNumber: 1,
  traffic: () => Promise.resolve({ packetsSent: 0, packetsWaiting: 0 }),
  on: () => () => undefined,
};

describe('the example dashboard and alerts', () => {
  it('ask for metrics that there are', async () => {
    const pages = { on: () => () => undefined };
    const texts = await Promise.all([
      measure(proxy, 'client', pages).metrics(),
      measure(proxy, 'server').metrics(),
    ]);
    const names = new Set(texts.join('').match(/^[a-z0-9_]+/gm));
    const asked = new Set<string>();
    for (const file of await readdir(MONITORING)) {
      const text = await readFile(new URL(file, MONITORING), 'utf8');
      for (const [name] of text.matchAll(/\b(?:nym_proxy|process|nodejs)_[a-z0-9_]+/g)) asked.add(name);
    }
    assert.ok(asked.size > 10);
    for (const name of asked) assert.ok(names.has(name), name);
  });
});
