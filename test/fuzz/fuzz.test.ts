import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';

import { fuzz } from './fuzz.js';
import { fuzzHttp } from './http-fuzz.js';
import { Random } from './random.js';
import { fuzzStreams } from './stream-fuzz.js';

const INPUTS = 100_000;

describe('100,000 mutated messages', { timeout: 300_000 }, () => {
  const seed = randomInt(2 ** 31);
  it(`harm neither the server nor a session beside them (seed ${seed})`, async () => {
    const report = await fuzz(INPUTS, seed);
    assert.equal(report.inputs, INPUTS);
    // Otherwise nothing but the first check of each message would be tested.
    assert.ok(report.decoded > INPUTS / 4 && report.decoded < INPUTS);
    assert.ok(report.sessionsOpened > 100 && report.resets > 100 && report.refusals > 100);
  });

  it(`of HTTP are read or refused, in pieces as in one (seed ${seed})`, () => {
    const report = fuzzHttp(INPUTS / 5, new Random(seed));
    assert.ok(report.complete > 1000 && report.complete < report.inputs);
    assert.ok(report.inflated > 100 && report.inflated < report.inputs);
  });

  it(`of streams harm nobody either (seed ${seed})`, async () => {
    const report = await fuzzStreams(INPUTS, seed);
    assert.equal(report.inputs, INPUTS);
    assert.ok(report.decoded > INPUTS / 4 && report.decoded < INPUTS);
    assert.ok(report.opened > 100 && report.healthyBytes > 1000);
  });
});
