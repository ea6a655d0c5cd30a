import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { documentFilter } from '../../src/browser/service-worker/document-filter.js';

const GUARD = '<script src="/g"></script>';

async function filtered(chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<Buffer> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  return Buffer.from(await new Response(source.pipeThrough(documentFilter(GUARD))).arrayBuffer());
}

const text = async (...chunks: string[]) =>
  (await filtered(chunks.map((chunk) => new Uint8Array(Buffer.from(chunk, 'latin1'))))).toString('latin1');

describe('the filter for documents', () => {
  const starts: [before: string, after: string][] = [
    ['<!doctype html>', '<html><p>a'],
    ['\n<!-- a > b --><!DOCTYPE html PUBLIC "a">\n ', '<head>'],
    ['\xEF\xBB\xBF<!doctype html>', '<p>'],
    ['<?xml version="1.0"?>', '<html>'],
    ['', 'plain text'],
    ['', ''],
    ['  ', ''],
    ['', '<!-- a comment without an end'],
  ];
  for (const [before, after] of starts) {
    it(`puts the script between ${JSON.stringify(before)} and ${JSON.stringify(after)}`, async () => {
      assert.equal(await text(before + after), before + GUARD + after);
    });
  }

  it('does not wait for ever for a document to begin', async () => {
    const comment = `<!--${'a'.repeat(20_000)}`;
    assert.equal(await text(comment, 'b'), `${GUARD}${comment}b`);
  });

  it('takes out what opens connections by itself, and moves nothing', async () => {
    const harmful = [
      '<link rel="preconnect" href="http://preconnect.example">',
      "<LINK href=a REL='Preconnect dns-prefetch'>",
      '<link rel=dns-prefetch href=//b>',
      '<script type="speculationrules">{}</script>',
      '<script type = SpeculationRules >{}</script>',
    ];
    for (const tag of harmful) {
      const after = (await text(`<p>${tag}`)).slice(GUARD.length);
      assert.equal(after.length, tag.length + 3);
      assert.doesNotMatch(after, /rel\S*preconnect|dns-prefetch|speculationrules/i);
    }
  });

  it('leaves everything else alone', async () => {
    const page =
      '<p>How preconnect and dns-prefetch work <a rel="preconnect">a</a><linker rel=preconnect>' +
      '<link rel="stylesheet" href="/preconnect.css"><script src=a>"preconnect"</script> 1 < 2 <li';
    assert.equal(await text(page), GUARD + page);
  });

  it('passes a document in UTF-16 as it is', async () => {
    const page = Buffer.from('\uFEFF<link rel="preconnect">', 'utf16le');
    assert.deepEqual(await filtered([new Uint8Array(page)]), page);
  });

  it('does the same however a document is cut into chunks', async () => {
    const piece = fc.constantFrom(
      '<!doctype html>',
      '<!--',
      '-->',
      '<link rel="preconnect">',
      '<link rel=dns-prefetch',
      '<script type=speculationrules>',
      ' ',
      '<',
      '>',
      'ä€'.slice(0, 1),
      '<p>',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.array(fc.nat(200)), async (pieces, cuts) => {
        const page = pieces.join('');
        const ends = [...cuts.filter((cut) => cut < page.length).sort((a, b) => a - b), page.length];
        const chunks = ends.map((end, index) => page.slice(ends[index - 1] ?? 0, end));
        assert.equal(await text(...chunks), await text(page));
      }),
    );
  });

  it('holds nothing back but what may be such a tag', async () => {
    const filter = documentFilter(GUARD);
    const writer = filter.writable.getWriter();
    const reader = filter.readable.getReader();
    const next = async () => Buffer.from((await reader.read()).value ?? []).toString('latin1');
    void writer.write(Buffer.from('<!doctype html><p>one <b'));
    assert.equal(await next(), `<!doctype html>${GUARD}<p>one `);
    void writer.write(Buffer.from('r> two'));
    assert.equal(await next(), '<br> two');
    await writer.abort();
  });
});
