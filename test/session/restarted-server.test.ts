import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { PROXY_ENVELOPE } from '../../src/session/envelope.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';
import { newSessionId } from '../../src/wire/session-id.js';

const sessionId = newSessionId();
const bytes = (text: string) => new TextEncoder().encode(text);

const opener = () =>
  new SessionEngine({ sessionId, supply: new SurbSupply(), closeTimeoutMs: 60_000, now: 0 });
const acceptor = (instance: number) =>
  new SessionEngine({ sessionId, supply: undefined, instance, closeTimeoutMs: 60_000, now: 0 });

/** All that an end has to say now. */
function saidBy(engine: SessionEngine, now: number) {
  const messages = [];
  for (let next = engine.poll(now); next; next = engine.poll(now)) {
    messages.push(PROXY_ENVELOPE.decode(next.payload));
  }
  return messages;
}

describe('an opener whose server was restarted', () => {
  it('takes nothing from a session that the new server opened for a late message', () => {
    const client = opener();
    client.write(bytes('request'));
    const requests = saidBy(client, 20);

    const server = acceptor(1);
    for (const request of requests) server.receive(request, 100);
    server.write(bytes('old'));
    for (const answer of saidBy(server, 200)) client.receive(answer, 300);
    assert.deepEqual(client.take(300), bytes('old'));

    // The official client sends a packet again whose acknowledgement was lost.
    const restarted = acceptor(2);
    for (const request of requests) restarted.receive(request, 400);
    restarted.write(bytes('other bytes'));
    for (const answer of saidBy(restarted, 500)) client.receive(answer, 600);
    assert.equal(client.take(600), undefined);
    assert.ok(client.outcome?.kind === 'reset');
    assert.deepEqual([client.outcome.error.code, client.outcome.error.by], ['gone', 'us']);

    // And the new one is told to let go.
    const [lastWords] = saidBy(client, 700);
    assert.ok(lastWords?.kind === 'frames');
    const frames = lastWords.frames.filter(({ type }) => type !== 'supply');
    assert.deepEqual(frames, [{ type: 'reset', code: 'gone' }]);
  });

  it('is told that its session is gone, whatever the new server makes of what it says', () => {
    const client = opener();
    client.write(bytes('request'));
    const requests = saidBy(client, 20);
    const server = acceptor(1);
    for (const request of requests) server.receive(request, 100);
    server.write(bytes('a long answer'));
    for (const answer of saidBy(server, 200)) client.receive(answer, 300);
    client.take(300);
    client.write(bytes('more'));
    const later = saidBy(client, 1500);

    // The gateway kept both for the new one, which has not sent what is acknowledged here.
    const restarted = acceptor(2);
    for (const message of [...requests, ...later]) restarted.receive(message, 2000);
    assert.ok(restarted.outcome?.kind === 'reset');
    assert.equal(restarted.outcome.error.code, 'protocol');
    const last = saidBy(restarted, 2000);
    assert.ok(last.length > 0);
    for (const message of last) client.receive(message, 2100);
    assert.ok(client.outcome?.kind === 'reset');
    assert.equal(client.outcome.error.code, 'gone');
  });
});
