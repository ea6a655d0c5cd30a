import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { clientOverride, type TrafficProfile } from '../../src/mixnet/options.js';

describe('the settings of the official client', () => {
  for (const traffic of ['default', 'bulk', 'fast'] satisfies TrafficProfile[]) {
    it(`never let a hop tell cover from real packets by their format, nor fail to parse (${traffic})`, () => {
      const override = clientOverride({ traffic });
      assert.equal(override.traffic?.useLegacySphinxFormat, false);
      assert.equal(override.replySurbs?.freshSenderTags, false);
    });
  }

  it('send decoys unless told otherwise', () => {
    for (const override of [clientOverride({}), clientOverride({ traffic: 'bulk' })]) {
      assert.equal(override.traffic?.disableMainPoissonPacketDistribution, false);
      assert.equal(override.coverTraffic?.disableLoopCoverTrafficStream, false);
    }
    const fast = clientOverride({ traffic: 'fast' });
    assert.equal(fast.traffic?.disableMainPoissonPacketDistribution, true);
    assert.equal(fast.coverTraffic?.disableLoopCoverTrafficStream, true);
  });

  it('use large packets for bulk only', () => {
    assert.equal(clientOverride({}).traffic?.useExtendedPacketSize, false);
    assert.equal(clientOverride({ traffic: 'fast' }).traffic?.useExtendedPacketSize, false);
    assert.equal(clientOverride({ traffic: 'bulk' }).traffic?.useExtendedPacketSize, true);
  });

  it('always keep a SURB to ask for more with', () => {
    assert.ok((clientOverride({}).replySurbs?.minimumReplySurbStorageThreshold ?? 0) >= 1);
    assert.equal(clientOverride({ replySurbReserve: 5 }).replySurbs?.minimumReplySurbStorageThreshold, 5);
    for (const replySurbReserve of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => clientOverride({ replySurbReserve }), RangeError);
    }
  });

  it('pass times on only if they are given, and only whole milliseconds', () => {
    assert.ok(!('averagePacketDelayMs' in (clientOverride({}).traffic ?? {})));
    assert.ok(!('topologyRefreshRateMs' in (clientOverride({}).topology ?? {})));
    assert.ok(!('messageSendingAverageDelayMs' in (clientOverride({}).traffic ?? {})));
    const override = clientOverride({
      averagePacketDelayMs: 0,
      averageSendingDelayMs: 80,
      topologyRefreshMs: 1000,
    });
    assert.equal(override.traffic?.averagePacketDelayMs, 0);
    assert.equal(override.traffic.messageSendingAverageDelayMs, 80);
    assert.equal(override.topology?.topologyRefreshRateMs, 1000);
    assert.throws(() => clientOverride({ averagePacketDelayMs: -1 }), RangeError);
    assert.throws(() => clientOverride({ averagePacketDelayMs: 0.5 }), RangeError);
    assert.throws(() => clientOverride({ averageSendingDelayMs: 0 }), RangeError);
    assert.throws(() => clientOverride({ topologyRefreshMs: Infinity }), RangeError);
  });
});
