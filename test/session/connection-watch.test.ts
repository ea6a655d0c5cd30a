import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';

import fc from 'fast-check';

import { MIN_WINDOW } from '../../src/admission/window-shares.js';
import type { ConnectionStats } from '../../src/session/connection.js';
import { ConnectionWatch, type Watched, type WatchLimits } from '../../src/session/connection-watch.js';
import type { SessionErrorCode } from '../../src/session/errors.js';
import { INITIAL_BULK_WINDOW, INITIAL_WINDOW, MAX_WINDOW } from '../../src/session/limits.js';
import { NO_STATS } from '../support/no-stats.js';

const MIB = 1024 * 1024;

/** A connection that is what the test says. */
class Scripted implements Watched {
  bytesSent = 0;
  bytesBuffered = 0;
  bytesGranted = 0;
  allowed = true;
  windowLimit: number | undefined;
  ended: readonly [string, SessionErrorCode] | undefined;
  readonly connection = {
    stats: (): ConnectionStats => {
      const { bytesSent, bytesBuffered, bytesGranted } = this;
      return { ...NO_STATS, bytesSent, bytesBuffered, bytesGranted };
    },
    limitWindow: (bytes: number) => this.limitWindow(bytes),
  };

  readonly owner: string;

  constructor(
    owner = 'somebody',
    changes: Partial<Pick<Scripted, 'bytesSent' | 'bytesBuffered' | 'allowed'>> = {},
  ) {
    this.owner = owner;
    Object.assign(this, changes);
  }

  limitWindow(bytes: number): void {
    this.windowLimit = bytes;
  }

  mayStay(): boolean {
    return this.allowed;
  }

  end: Watched['end'] = ({ code }, limit) => {
    assert.equal(this.ended, undefined, 'it was ended twice');
    this.ended = [limit, code];
  };
}

describe('the watch over open connections', () => {
  let now: number;
  beforeEach(() => {
    now = 0;
    mock.timers.enable({ apis: ['setInterval'] });
  });
  afterEach(() => mock.timers.reset());

  function watchOver(limits: Partial<WatchLimits>, connections: readonly Watched[]) {
    const watch = new ConnectionWatch({ maxBufferedBytes: 0, ...limits }, () => now);
    for (const connection of connections) watch.add(connection);
    return watch;
  }

  const checkAt = (watch: ConnectionWatch, time: number) => {
    now = time;
    watch.check();
  };

  it('ends what has not carried a byte in time, and nothing else', () => {
    const [mute, talker] = [new Scripted(), new Scripted()];
    const watch = watchOver({ firstByteTimeoutMs: 1000 }, [mute, talker]);
    checkAt(watch, 999);
    assert.equal(mute.ended, undefined);
    talker.bytesSent = 1;
    checkAt(watch, 1000);
    assert.deepEqual(mute.ended, ['first-byte', 'timeout']);
    checkAt(watch, 1e9);
    assert.equal(talker.ended, undefined);
  });

  it('ends what has been idle for too long, counted from the last byte', () => {
    const one = new Scripted('somebody', { bytesSent: 5 });
    const watch = watchOver({ firstByteTimeoutMs: 1000, idleTimeoutMs: 10_000 }, [one]);
    for (const time of [0, 9999]) checkAt(watch, time);
    one.bytesSent = 6;
    for (const time of [10_000, 19_999]) checkAt(watch, time);
    assert.equal(one.ended, undefined);
    checkAt(watch, 20_000);
    assert.deepEqual(one.ended, ['idle', 'timeout']);
  });

  it('ends what may no longer stay', () => {
    const revoked = new Scripted('somebody', { allowed: false });
    const other = new Scripted();
    watchOver({}, [other, revoked]).check();
    assert.deepEqual(revoked.ended, ['token', 'token']);
    assert.equal(other.ended, undefined);
  });

  it('looks once a second while there is a connection, and leaves no timer behind', () => {
    const one = new Scripted('somebody', { allowed: false });
    const watch = new ConnectionWatch({ maxBufferedBytes: 0 }, () => now);
    const unwatch = watch.add(one);
    unwatch();
    mock.timers.tick(5000);
    assert.equal(one.ended, undefined);
    watch.add(one);
    mock.timers.tick(1000);
    assert.deepEqual(one.ended, ['token', 'token']);
    assert.equal(watch.size, 0);
    mock.timers.tick(5000);
  });

  const sum = (all: readonly Scripted[]) => all.reduce((total, one) => total + one.bytesBuffered, 0);

  it('ends those of whoever holds most, no more than need be, so that the others hold no more than allowed', () => {
    const sizes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(1000)), { maxLength: 30 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5000 }), (held, max) => {
        const connections = held.map(
          ([owner, bytesBuffered]) => new Scripted(owner, { bytesBuffered, bytesSent: 1 }),
        );
        const victims: Scripted[] = [];
        for (const one of connections) {
          const { end } = one;
          one.end = (error, limit) => {
            victims.push(one);
            end(error, limit);
          };
        }
        watchOver({ maxBufferedBytes: max }, connections).check();
        const staying = new Set(connections);
        const of = (owner: string) => [...staying].filter((one) => one.owner === owner);
        for (const victim of victims) {
          assert.ok(sum([...staying]) > max, 'it need not have gone');
          for (const owner of ['a', 'b', 'c']) assert.ok(sum(of(owner)) <= sum(of(victim.owner)));
          for (const one of of(victim.owner)) assert.ok(one.bytesBuffered <= victim.bytesBuffered);
          staying.delete(victim);
        }
        assert.ok(sum([...staying]) <= max);
      }),
    );
  });

  it('lets no one push a larger connection out by many small ones', () => {
    const honest = new Scripted('honest', { bytesBuffered: 400, bytesSent: 1 });
    const many = Array.from({ length: 100 }, () => new Scripted('many', { bytesBuffered: 10, bytesSent: 1 }));
    watchOver({ maxBufferedBytes: 800 }, [honest, ...many]).check();
    assert.equal(many.filter(({ ended }) => ended !== undefined).length, 60);
    assert.equal(honest.ended, undefined);
  });
});

/** A connection whose peer sends as much as it may, as a session grants it. */
class Upload extends Scripted {
  #window: number;
  read = 0;
  received = 0;

  constructor(owner: string, firstWindow: number) {
    super(owner, { bytesSent: 1 });
    this.#window = firstWindow;
    this.bytesGranted = INITIAL_WINDOW;
  }

  /** The first time before anything is granted, but for what nobody has to grant. */
  override limitWindow(bytes: number): void {
    const first = this.windowLimit === undefined;
    super.limitWindow(bytes);
    if (first) this.#grant();
  }

  /** What was granted stays granted; what is granted now is no more than the limit. */
  #grant(): void {
    const limit = Math.min(this.#window, this.windowLimit ?? Infinity);
    this.bytesGranted = Math.max(this.bytesGranted, limit - this.bytesBuffered);
  }

  /** The peer sends all that it may. */
  fill(): void {
    this.#grant();
    this.received += this.bytesGranted;
    this.bytesBuffered += this.bytesGranted;
    this.bytesGranted = 0;
    this.bytesSent += 1;
  }

  /** The upstream takes so much at most. */
  take(bytes: number): void {
    const taken = Math.min(bytes, this.bytesBuffered);
    this.bytesBuffered -= taken;
    this.read += taken;
    this.#window = Math.min(MAX_WINDOW, this.#window * 2);
  }
}

describe('the memory that windows are granted from', () => {
  let now: number;
  let watch: ConnectionWatch;
  beforeEach(() => {
    now = 0;
    mock.timers.enable({ apis: ['setInterval'] });
    watch = new ConnectionWatch({ maxBufferedBytes: 256 * MIB }, () => now);
  });
  afterEach(() => mock.timers.reset());

  const check = () => {
    now += 1000;
    watch.check();
  };
  const open = (owner: string) => {
    const upload = new Upload(owner, INITIAL_BULK_WINDOW);
    watch.add(upload);
    return upload;
  };
  const held = (all: readonly Upload[]) => all.reduce((total, { bytesBuffered }) => total + bytesBuffered, 0);

  it('is as large as a window can be while there is enough', () => {
    const one = open('one');
    assert.ok((one.windowLimit ?? 0) >= MAX_WINDOW, `${one.windowLimit}`);
    const others = Array.from({ length: 30 }, (_, n) => open(`other ${n}`));
    for (const upload of others) assert.ok((upload.windowLimit ?? 0) >= MAX_WINDOW);
  });

  for (const senders of [1000, 4, 1]) {
    it(`lets 1000 stalled bulk uploads of ${senders} senders reset nobody, and an innocent one goes on`, () => {
      const innocent = open('innocent');
      const stalled: Upload[] = [];
      for (let n = 0; n < 1000; n += 1) {
        stalled.push(open(`sender ${n % senders}`));
        // They come at 50 a second, and send at once.
        if (n % 50 > 0) continue;
        for (const upload of stalled) upload.fill();
        check();
      }
      for (let n = 0; n < 60; n += 1) {
        for (const upload of stalled) upload.fill();
        innocent.fill();
        innocent.take(Infinity);
        check();
      }
      const all = [innocent, ...stalled];
      assert.equal(all.filter(({ ended }) => ended !== undefined).length, 0);
      assert.ok(held(all) <= 256 * MIB, `${held(all)} bytes are held`);
      // It never waited, though its window may be small.
      assert.ok(innocent.read >= 60 * MIN_WINDOW);
      for (const upload of stalled) assert.ok(upload.received >= INITIAL_WINDOW);
    });
  }

  it('was not enough before windows were limited (so that this test can fail)', () => {
    const uploads = Array.from({ length: 1000 }, (_, n) => open(`sender ${n}`));
    for (const upload of uploads) {
      upload.windowLimit = undefined;
      upload.fill();
    }
    assert.ok(held(uploads) > 256 * MIB);
    check();
    assert.ok(uploads.some(({ ended }) => ended !== undefined));
  });

  it('gives windows back as it empties, and the same to each of those who go on', () => {
    const uploads = Array.from({ length: 500 }, (_, n) => open(`sender ${n}`));
    for (const upload of uploads) upload.fill();
    check();
    const limits = () => new Set(uploads.map(({ windowLimit }) => windowLimit));
    const small = Math.max(...[...limits()].map((limit) => limit ?? 0));
    for (const upload of uploads) upload.take(Infinity);
    check();
    assert.equal(limits().size, 1);
    const large = Math.max(...[...limits()].map((limit) => limit ?? 0));
    assert.ok(large > small, `${large} is not above ${small}`);
    // They read what they are sent: each has its share, and all of them together most of the memory.
    for (let n = 0; n < 100; n += 1) {
      for (const upload of uploads) {
        upload.fill();
        upload.take(Infinity);
      }
      check();
    }
    for (const { windowLimit = 0 } of uploads) assert.ok(windowLimit > 64 * 1024);
  });

  it('ends only those of whoever exceeds the share, if somebody sends more than was granted', () => {
    const innocent = Array.from({ length: 100 }, (_, n) => open(`sender ${n}`));
    const greedy = Array.from({ length: 10 }, () => open('greedy'));
    for (const upload of innocent) upload.fill();
    for (const upload of greedy) upload.bytesBuffered = 40 * MIB;
    check();
    assert.ok(greedy.some(({ ended }) => ended !== undefined));
    assert.ok(innocent.every(({ ended }) => ended === undefined));
  });
});
