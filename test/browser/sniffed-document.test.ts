import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { sniffedDocument } from '../../src/browser/service-worker/sniffed-document.js';

/** An answer that comes in these chunks. */
function answer(type: string | undefined, ...chunks: string[]): Response {
  const waiting = chunks.map((chunk) => new Uint8Array(Buffer.from(chunk, 'latin1')));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = waiting.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
  });
  return new Response(body, { status: 201, headers: type === undefined ? {} : { 'content-type': type } });
}

async function typeOf(response: Response): Promise<string | null> {
  return (await sniffedDocument(response)).headers.get('content-type');
}

describe('a document whose type nobody told', () => {
  for (const page of [
    '<!DOCTYPE html><p>a',
    '\n\t <HtMl lang="en">',
    '<script>alert(1)</script>',
    '<!-- a comment -->',
    '<p>a',
    '<body/onload=a>',
    '\xEF\xBB\xBF<html>',
    `${' '.repeat(1000)}<b >`,
  ]) {
    it(`is HTML if it begins with ${JSON.stringify(page.trim())}`, async () => {
      for (const type of [undefined, '', '*/*', 'unknown/unknown', 'application/unknown; a=b'])
        assert.equal(await typeOf(answer(type, page)), 'text/html');
      const bytes = Array.from(Buffer.from(page, 'latin1'), (byte) => String.fromCharCode(byte));
      assert.equal(await typeOf(answer(undefined, ...bytes)), 'text/html', 'in however many chunks');
    });
  }

  for (const page of [
    'text',
    '',
    '<',
    '<paragraph>',
    '{"a":"<p>"}',
    '\x89PNG\r\n',
    '<?xml version="1.0"?><html>',
  ]) {
    it(`is left to the browser if it begins with ${JSON.stringify(page)}`, async () => {
      assert.equal(await typeOf(answer(undefined, page)), null);
    });
  }

  it('is what it is said to be otherwise', async () => {
    assert.equal(await typeOf(answer('text/plain', '<p>a')), 'text/plain');
    const empty = new Response(null, { status: 204 });
    assert.equal(await sniffedDocument(empty), empty);
  });

  it('loses no byte of it, nor waits for more than tells', async () => {
    const chunks = ['<!doc', 'type ', 'html><p>', 'a'.repeat(5000), 'end'];
    const response = await sniffedDocument(answer(undefined, ...chunks));
    assert.deepEqual([response.status, await response.text()], [201, chunks.join('')]);

    let cancelled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(Buffer.from('<!doctype html> that goes on'))),
      cancel: (reason: unknown) => void (cancelled = reason),
    });
    const page = await sniffedDocument(new Response(endless));
    assert.equal(page.headers.get('content-type'), 'text/html');
    await page.body?.cancel('enough');
    assert.equal(cancelled, 'enough');
  });
});
