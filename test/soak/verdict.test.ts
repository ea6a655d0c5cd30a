import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { SoakLog } from './soak.js';
import { verdict } from './verdict.js';

const sample = { rssMiB: 100, heapMiB: 10, descriptors: 20, handles: 5, sessionsOpen: 0 };

/** One connection that went well, and what was open when all had ended. */
function logWith(open: {
  readonly server: number;
  readonly clients: number;
  readonly upstream: number;
}): SoakLog {
  const client = { mode: 'shared', server: 'steady' } as const;
  const plan = { kind: 'request', client, up: 1, down: 1, idleMs: 0 } as const;
  const samples = {
    server: { ...sample, sessionsOpen: open.server },
    clients: { ...sample, sessionsOpen: open.clients },
    'network and upstream': { ...sample, sessionsOpen: open.upstream },
  };
  return {
    startedAt: 0,
    streams: [{ plan, outcome: 'exact', bytes: 2, tookMs: 100 }],
    faults: [],
    quiet: [{ atMs: 1000, samples }],
  };
}

describe('the verdict of a soak', () => {
  it('is well if nothing is left', () => {
    assert.deepEqual(verdict(logWith({ server: 0, clients: 0, upstream: 0 })), []);
  });

  it('names sessions that were left open, and connections to the upstream that a server has held', () => {
    assert.match(verdict(logWith({ server: 1, clients: 2, upstream: 0 })).join(), /^3 sessions .* open/);
    assert.match(verdict(logWith({ server: 0, clients: 0, upstream: 4 })).join(), /^4 connections .* held/);
  });
});
