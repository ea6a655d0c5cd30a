import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { format } from 'prettier';

import { startChromium } from '../support/chromium.js';
import { ANSWERS, type Outcome } from './answers.js';
import { STANDARD } from './standard.js';
import type * as Tables from './tables.js';
import { lookAtTables, type TableResults } from './tables.js';

const ROOT = join(import.meta.dirname, '../../..');
const DOCUMENT = join(ROOT, 'docs/fetch.md');

/** The tests' modules, and each answer under `/raw/` and its row. */
function site(): Server {
  return createServer((request, response) => {
    const path = request.url ?? '';
    const [, row] = /^\/raw\/(\d+)$/.exec(path) ?? [];
    if (row !== undefined) {
      request.socket.end(ANSWERS[Number(row)]?.answer ?? '', 'latin1');
      return;
    }
    if (!path.endsWith('.js')) {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>tables</title>');
      return;
    }
    readFile(join(import.meta.dirname, '../..', path)).then(
      (script) => response.setHeader('content-type', 'text/javascript').end(script),
      () => response.writeHead(404).end(),
    );
  });
}

/** In Chromium: what our client makes of the tables, and what the browser itself makes of the answers. */
async function inChromium(): Promise<{ ours: TableResults; own: readonly Outcome[] }> {
  const server = site().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return await page.evaluate(async () => {
      const path = '/test/http/tables.js';
      const tables = (await import(path)) as typeof Tables;
      const own = await tables.fetchAnswers((row) => `/raw/${row}`);
      return { ours: await tables.lookAtTables(), own };
    });
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

for (const where of ['Node', 'Chromium']) {
  describe(`the tables in ${where}`, { timeout: 120_000 }, () => {
    let ours: TableResults;
    let own: readonly Outcome[] | undefined;
    before(async () => {
      if (where === 'Node') ours = await lookAtTables();
      else ({ ours, own } = await inChromium());
    });

    for (const [row, { what, here, chromium }] of ANSWERS.entries()) {
      it(`${what}: ${here === 'refused' ? 'is refused' : `is read with status ${here[0]}`}`, () => {
        assert.deepEqual(ours.answers[row], here);
        if (own !== undefined) assert.deepEqual(own[row], chromium ?? here, 'as Chromium itself');
      });
    }

    for (const [row, { area, what, expected, otherwise }] of STANDARD.entries()) {
      it(`${area}: ${what}`, () => {
        assert.deepEqual(ours.standard[row], otherwise === undefined ? expected : otherwise.result);
        if (otherwise) assert.notDeepEqual(otherwise.result, expected, 'there is no difference');
      });
    }
  });
}

describe('docs/fetch.md', () => {
  const begin = '<!-- tables: written by test/http/tables.test.ts -->';
  let text = '';
  before(async () => {
    text = await readFile(DOCUMENT, 'utf8');
  });
  after(async () => {
    if (process.env['WRITE_TABLES'] !== '1') return;
    await writeFile(DOCUMENT, await withTables(text));
  });

  it('has the tables that are tested (WRITE_TABLES=1 writes them)', async () => {
    if (process.env['WRITE_TABLES'] !== '1') assert.equal(text, await withTables(text));
  });

  async function withTables(before: string): Promise<string> {
    const [introduction = ''] = before.split(begin);
    const tables = [
      begin,
      '',
      '## Answers',
      '',
      ...answersTable(),
      '',
      '## Standards',
      '',
      ...standardTable(),
    ];
    return format(`${introduction}${tables.join('\n')}\n`, { parser: 'markdown', printWidth: 120 });
  }
});

function answersTable(): string[] {
  const word = (outcome: Outcome) => {
    if (outcome === 'refused') return 'an error';
    const [status, body, header] = outcome;
    const long = body.length > 20 || (header ?? '').length > 20;
    return long ? 'read' : [status, code(body), ...(header === undefined ? [] : [code(header)])].join(' ');
  };
  const rows = ANSWERS.map(({ what, here, chromium, why = '' }) =>
    row(what, word(here), chromium === undefined ? 'the same' : word(chromium), why),
  );
  return [row('answer', 'here', 'Chromium', 'why otherwise'), row('-', '-', '-', '-'), ...rows];
}

/** One row for each area's expectations that are met, and one for each that is not. */
function standardTable(): string[] {
  const areas = [...new Set(STANDARD.map(({ area }) => area))];
  const rows = areas.flatMap((area) => {
    const all = STANDARD.filter((one) => one.area === area);
    const met = all.filter(({ otherwise }) => otherwise === undefined);
    const others = all.flatMap(({ what, otherwise }) =>
      otherwise === undefined
        ? []
        : [row(area, what, `no: ${code(JSON.stringify(otherwise.result))}`, otherwise.why)],
    );
    return [...met.map(({ what }) => row(area, what, 'yes', '')), ...others];
  });
  return [row('area', 'expectation', 'met', 'why not'), row('-', '-', '-', '-'), ...rows];
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${JSON.stringify(text).slice(1, -1)}\``;
}
