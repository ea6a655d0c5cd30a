import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { MixnetClientError } from '../../src/mixnet/errors.js';
import { limit, withLocalnet } from './localnet-clients.js';

describe('a new identity', { timeout: 300_000 }, () => {
  describe('where one of two gateways gives bandwidth only for credentials', () => {
    const world = withLocalnet({ gateways: 2, paidGateways: 1 });

    it('starts at the other one, whichever is drawn first', limit, async () => {
      const [free, paid] = world.net.gateways;
      assert.ok(free && paid);
      // Eight starts without a draw of the other one have a probability of 0.4 %; so many at most.
      for (let starts = 0; starts < 8; starts += 1) {
        const client = await world.start();
        assert.equal(world.gatewayOf(client).identity, free.identity);
        await client.close();
        if ((await world.net.counters()).gateways.claimsRefused > 0) return;
      }
      assert.fail('the other gateway was never drawn');
    });

    it('that names the other one is told why it cannot be used', limit, async () => {
      const paid = world.net.gateways[1]?.identity ?? '';
      await assert.rejects(world.start({ gateway: paid }), (error: MixnetClientError) => {
        assert.equal(error.code, 'gateway');
        assert.match(error.message, /^The gateway \w+ gives bandwidth only for paid credentials/);
        assert.ok(error.message.includes(paid));
        return true;
      });
    });
  });

  describe('where no gateway gives free bandwidth', () => {
    const world = withLocalnet({ gateways: 3, paidGateways: 3 });

    it('is refused once all were tried, with the cause in front', limit, async () => {
      await assert.rejects(world.start(), (error: MixnetClientError) => {
        assert.equal(error.code, 'gateway');
        assert.match(error.message, /^The gateway \w+ gives bandwidth only for paid credentials/);
        assert.match(error.message, /None of the 3 gateways/);
        return true;
      });
      assert.equal((await world.net.counters()).gateways.claimsRefused, 3);
    });
  });

  describe('where one of two gateways is down', () => {
    const world = withLocalnet({ gateways: 2 });

    it('starts at the other one', limit, async () => {
      const [up, down] = world.net.gateways;
      assert.ok(up && down);
      await world.net.stopNode(down.id);
      const clients = await Promise.all([world.start(), world.start(), world.start(), world.start()]);
      for (const client of clients) assert.equal(world.gatewayOf(client).identity, up.identity);
    });
  });
});
