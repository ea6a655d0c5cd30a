import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import type { DemoSite } from '../../src/demo/page-server.js';
import { startDemoUpstream } from '../../src/demo/upstream.js';
import { fetchBody, runFile } from '../node/child.js';

const IN_TIME = { timeout: 180_000 };
const DEMO = 'src/demo/main.js';

describe('npm start', IN_TIME, () => {
  it('checks itself: a page and 1 MiB arrive as they were sent, and the page is served', async (t) => {
    const { code, stdout, stderr } = await runFile(t, DEMO, '--check').ended;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /\/about\.html .* as sent\n {2}\/large\.bin +1\.0 MB .* as sent\n/);
    assert.match(stdout, /Everything arrived as it was sent\. The page is served as it should be\.\n$/);
  });

  it('shows a tunnel to its pages that others can join, beside another one', async (t) => {
    // The default port is in use, by this or by somebody else.
    for (const port of [18080, 8071]) {
      const taken = createServer().on('error', () => undefined);
      taken.listen(port, '127.0.0.1');
      t.after(() => taken.close());
    }
    const directory = await mkdtemp(join(tmpdir(), 'nym-proxy-test-'));
    t.after(() => rm(directory, { recursive: true }));
    const env = join(directory, 'demo.env');

    const demo = runFile(t, DEMO, '--listen-port', '0', '--env-file', env, '--shared-client');
    await demo.until('stdout', /Ctrl-C ends it\./);
    const { stdout } = demo.written;
    const [, url = ''] = /tunnel +(http:\S+)/.exec(stdout) ?? [];
    assert.match((await fetchBody(url)).toString(), /<h1>This page came through a mixnet/);
    assert.match(stdout, /directory .*\(port 18080 is in use\)/);
    const [, page = ''] =
      /Open this in a browser:\n {2}(http:\S+) {2}\(port 8071 is in use\)\n/.exec(stdout) ?? [];
    const site = JSON.parse((await fetchBody(`${page}demo.json`)).toString()) as DemoSite;
    assert(stdout.includes(`${site.serverAddress}\n`));
    assert(stdout.includes(`${site.network.apiUrl}  (port`));
    assert.deepEqual([site.demoUpstream, site.traffic], [true, 'fast']);
    assert.match((await fetchBody(page)).toString(), /^<!doctype html>/i);
    const tooLong = stdout.split('\n').filter((line) => line.length > 80 && !line.includes('@'));
    assert.deepEqual(tooLong, [], 'a terminal has 80 columns');
    assert.match(stdout, /you > client > gateway > mix > mix > mix > gateway > server > upstream/);
    assert.match(await readFile(env, 'utf8'), /^NYM_API=http/);

    const [, address = ''] = /Nym address of the server:\n(\S+)\n/.exec(stdout) ?? [];
    const client = runFile(
      t,
      'src/node/cli/client.js',
      ...['-s', address, '-e', env, '--listen-port', '0', '--traffic', 'fast', '--shared-client'],
    );
    const [, port = ''] = await client.until('stderr', /Listening on 127\.0\.0\.1, port (\d+)/);
    assert.match((await fetchBody(`http://127.0.0.1:${port}/about.html`)).toString(), /<h1>How a page/);
    client.kill('SIGINT');
    assert.equal((await client.ended).code, 0);

    demo.kill('SIGTERM');
    const { code, stderr } = await demo.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Session 1 ended/);
    assert.doesNotMatch(stderr, /Not everything ended/);
  });

  it('tunnels to a service of the user, over a bad network too', async (t) => {
    const upstream = await startDemoUpstream();
    t.after(() => upstream.close());
    const demo = runFile(
      t,
      DEMO,
      ...['--upstream', upstream.address, '--listen-port', '0', '--directory-port', '0', '--page-port', '0'],
      ...['--loss', '0.02', '--duplication', '0.05'],
    );
    const [, tunnel = ''] = await demo.until('stdout', /tunnel +(127\.0\.0\.1:\d+)\n/);
    const [, page = ''] = /Open this in a browser:\n {2}(http:\S+)\n/.exec(demo.written.stdout) ?? [];
    const site = JSON.parse((await fetchBody(`${page}demo.json`)).toString()) as DemoSite;
    assert.deepEqual([site.upstream, site.demoUpstream], [upstream.address, false]);
    assert.deepEqual(
      await fetchBody(`http://${tunnel}/about.html`),
      await fetchBody(`http://${upstream.address}/about.html`),
    );
    demo.kill('SIGINT');
    assert.equal((await demo.ended).code, 0);
  });

  it('ends at a signal while it starts', async (t) => {
    const demo = runFile(t, DEMO, '--check');
    await demo.until('stdout', /server:/);
    demo.kill('SIGINT');
    const { code, stderr } = await demo.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^\[[^\]]+\] INFO: SIGINT: ending\.\n$/);
  });
});
