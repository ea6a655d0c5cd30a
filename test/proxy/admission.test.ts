import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { Access } from '../../src/proxy/access.js';
import { Admission, type AdmissionOptions } from '../../src/proxy/admission.js';
import {
  DEFAULT_SESSION_LIMITS,
  type LimitName,
  type SessionLimits,
} from '../../src/proxy/session-limits.js';
import { newSessionId } from '../../src/wire/session-id.js';

function newAdmission(limits: Partial<SessionLimits> = {}, options: Partial<AdmissionOptions> = {}) {
  const clock = { now: 0 };
  const refusals: LimitName[] = [];
  const admission = new Admission({
    limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
    hasUpstream: (name) => name === undefined || name === 'web',
    now: () => clock.now,
    onRefusal: (limit) => refusals.push(limit),
    ...options,
  });
  const open = (senderTag: string, upstream?: string) => {
    const sessionId = newSessionId();
    const request = upstream === undefined ? undefined : { upstream };
    return { sessionId, code: admission.admit({ sessionId, senderTag, recipient: 'server', request }) };
  };
  return { admission, clock, refusals, open };
}

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('open' as const), sender: fc.nat(4) }),
    fc.record({ kind: fc.constant('end' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3000) }),
  ),
  { maxLength: 300 },
);

describe('admission', () => {
  it('never lets in more than its limits, whatever happens in which order, and refuses for no other reason', () => {
    const limits = { maxSessions: 8, maxSessionsPerSender: 3, sessionRate: 2, sessionRatePerSender: 1 };
    fc.assert(
      fc.property(steps, (all) => {
        const { admission, clock, open, refusals } = newAdmission(limits);
        const sessions: { id: string; sender: number }[] = [];
        const opened: number[] = [];
        for (const step of all) {
          if (step.kind === 'wait') clock.now += step.ms;
          else if (step.kind === 'end') {
            const [ended] = sessions.splice(step.which % Math.max(1, sessions.length), 1);
            if (ended) admission.release(ended.id);
          } else {
            const { sessionId, code } = open(`sender ${step.sender}`);
            const own = sessions.filter(({ sender }) => sender === step.sender).length;
            if (code === undefined) {
              sessions.push({ id: sessionId, sender: step.sender });
              opened.push(clock.now);
            }
            if (sessions.length > 8 || own >= 3) assert.equal(code, 'limit');
          }
          assert.equal(admission.size, sessions.length);
          assert.ok(sessions.length <= 8);
          const recent = opened.filter((at) => at > clock.now - 10_000).length;
          assert.ok(recent <= 2 * 10 + 2 * 10, `${recent} in ten seconds`);
        }
        const total = all.filter(({ kind }) => kind === 'open').length;
        assert.equal(opened.length + refusals.length, total);
        for (const { id } of sessions) admission.release(id);
        assert.equal(admission.size, 0);
      }),
    );
  });

  it('lets others in while one sender takes what it can get', () => {
    const { open, refusals } = newAdmission({ sessionRatePerSender: 2, maxSessionsPerSender: 5 });
    for (let n = 0; n < 1000; n += 1) open('greedy');
    assert.equal(open('modest').code, undefined);
    assert.deepEqual(new Set(refusals), new Set(['sessions-per-sender']));
  });

  it('knows the names of the upstreams', () => {
    const { admission, open, refusals } = newAdmission();
    assert.equal(open('a', 'ssh').code, 'no-upstream');
    const { code, sessionId } = open('a', 'web');
    assert.equal(code, undefined);
    assert.equal(admission.admitted(sessionId)?.upstream, 'web');
    assert.deepEqual(refusals, ['upstream-name']);
  });

  it('lets strangers without a token use up nothing that the others need', () => {
    const access = new Access(
      () => ['correct-horse-battery'],
      () => 0,
    );
    const { admission, open, refusals } = newAdmission({}, { access });
    for (let n = 0; n < 5000; n += 1) assert.equal(open(`stranger ${n}`).code, 'token');
    assert.equal(refusals.length, 5000);
    assert.equal(admission.remembered, 0);
  });

  it('remembers boundedly many senders, and answers so many strangers only', () => {
    const { admission, clock, open } = newAdmission({ maxSessions: 100, sessionRate: 0 });
    let answered = 0;
    for (let n = 0; n < 50_000; n += 1) {
      clock.now += 1;
      open(`sender ${n}`);
      if (admission.mayAnswer(`stranger ${n}`)) answered += 1;
    }
    assert.ok(admission.remembered <= 100 + 100 + 2 * 4096, `${admission.remembered} entries`);
    assert.ok(answered <= 50 * 20 + 200 && answered >= 50 * 20, `${answered} answers in 50 s`);
    let one = 0;
    for (let n = 0; n < 1000; n += 1) if (admission.mayAnswer('the same')) one += 1;
    assert.ok(one <= 20, `${one} answers to one sender`);
  });

  it('has no limit where it is 0', () => {
    const none = { maxSessions: 0, maxSessionsPerSender: 0, sessionRate: 0, sessionRatePerSender: 0 };
    const { open, refusals } = newAdmission(none);
    for (let n = 0; n < 5000; n += 1) open('one');
    assert.deepEqual(refusals, []);
  });
});
