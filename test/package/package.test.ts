import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';

import { PackedPackage } from '../support/packed-package.js';

const limit = { timeout: 60_000 };

/** How nobody can load a package of nothing but ES modules: old Node, and `require` where Node does not know it. */
const NOT_FOR_ES_MODULES: readonly string[] = ['node10', 'node16-cjs'];

const NODE_APP = `
import { writeFile } from 'node:fs/promises';
import { NymProxyServer } from 'nym-tcp-proxy';
import { startLocalnet } from 'nym-tcp-proxy/localnet';

const localnet = await startLocalnet();
await writeFile('localnet.env', localnet.envFile());
const server = await NymProxyServer.create({ upstream: '127.0.0.1:9', env: 'localnet.env' });
console.log(server.nymAddress);
await server.close();
await localnet.close();
`;

describe('the package as it would be published', limit, () => {
  let packed: PackedPackage;
  let tarball: Uint8Array<ArrayBuffer>;

  before(async () => {
    packed = await PackedPackage.pack();
    tarball = new Uint8Array(await readFile(packed.tarball));
  }, limit);
  after(() => packed[Symbol.asyncDispose](), limit);

  it('holds the library for Node and for browsers, all types, and nothing of the demo or the tests', (t) => {
    const { files, size, unpackedSize } = packed.report;
    t.diagnostic(`${files.length} files, ${size} bytes packed, ${unpackedSize} unpacked`);
    const paths = files.map(({ path }) => path);
    for (const path of [
      'LICENSE',
      'README.md',
      'dist/browser/LICENSES.txt',
      'dist/browser/index.js',
      'dist/browser/nym_client_wasm_bg.wasm',
      'dist/browser/service-worker.js',
      'dist/src/browser/index.d.ts',
      'dist/src/node/index.js',
    ]) {
      assert.ok(paths.includes(path), `${path} is missing`);
    }
    const allowed = /^(LICENSE|README\.md|package\.json|dist\/(browser|src|wasm)\/.+)$/;
    const unwanted = /\.test\.|^dist\/src\/(app|demo)\/|^dist\/src\/browser\/.+\.js$/;
    assert.deepEqual(
      paths.filter((path) => !allowed.test(path) || unwanted.test(path)),
      [],
    );
  });

  it('brings browsers all they load: no module names a package', async () => {
    const { files } = packed.report;
    const modules = files.map(({ path }) => path).filter((path) => /^dist\/browser\/[^/]+\.js$/.test(path));
    assert.ok(modules.length >= 4);
    for (const module of modules) {
      const code = await readFile(module, 'utf8');
      const named = [
        ...code.matchAll(/^(?:import|export)\b[^;]*?\bfrom\s*["']([^"']+)["']/gm),
        ...code.matchAll(/\bimport\s*\(?\s*["']([^"']+)["']/g),
        ...code.matchAll(/\bnew URL\(\s*["']([^"']+)["'],\s*import\.meta\.url/g),
      ].map(([, specifier = '']) => specifier);
      for (const specifier of named) {
        assert.ok(
          files.some(({ path }) => specifier === `./${path.slice('dist/browser/'.length)}`),
          `${module} names ${specifier}`,
        );
      }
    }
  });

  it('runs in Node', limit, async () => {
    const cwd = await packed.install('node');
    const run = (args: string[]) => promisify(execFile)(process.execPath, args, { cwd, timeout: 50_000 });
    await writeFile(join(cwd, 'app.js'), NODE_APP);
    const { stdout: address } = await run(['app.js']);
    assert.match(address, /^\w+\.\w+@\w+\n$/);

    const manifest = await readFile('package.json', 'utf8');
    const { bin } = JSON.parse(manifest) as { bin: Record<string, string> };
    for (const [command, file] of Object.entries(bin)) {
      const { stdout: help } = await run([`node_modules/nym-tcp-proxy/${file}`, '--help']);
      assert.match(help, new RegExp(`^Usage: ${command} `));
    }
  });

  it('pleases publint', limit, async () => {
    const { messages } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
    assert.deepEqual(messages, []);
  });

  it('pleases arethetypeswrong, as a package of ES modules only', limit, async () => {
    const result = await checkPackage(createPackageFromTarballData(tarball));
    assert.ok(result.types !== false, 'no types were found');
    assert.deepEqual(Object.keys(result.entrypoints), [
      '.',
      './browser',
      './service-worker',
      './localnet',
      './package.json',
    ]);
    const problems = result.problems.filter(
      (problem) => !('resolutionKind' in problem && NOT_FOR_ES_MODULES.includes(problem.resolutionKind)),
    );
    assert.deepEqual(problems, []);
  });
});
