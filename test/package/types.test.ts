import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

import ts from 'typescript';

import { PackedPackage } from '../support/packed-package.js';

const limit = { timeout: 60_000 };

const { Bundler, NodeNext } = ts.ModuleResolutionKind;

/** As little as an app would set. */
const STRICT: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
};

const BROWSER_LIBS = ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'];
const PAGE_LIBS = [...BROWSER_LIBS, 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'];
const WORKER_LIBS = [...BROWSER_LIBS, 'lib.webworker.d.ts', 'lib.webworker.iterable.d.ts'];

/** How apps find the package: through their bundler, or as Node does. */
const RESOLUTIONS: readonly [name: string, options: ts.CompilerOptions][] = [
  ['bundler', { module: ts.ModuleKind.ESNext, moduleResolution: Bundler }],
  ['nodenext', { module: ts.ModuleKind.NodeNext, moduleResolution: NodeNext }],
];

const page = (library: string) => `
import { NymProxyClient, startStreams, type MixnetStream, type NymProxyClientOptions } from '${library}';

const options: NymProxyClientOptions = { serverAddress: 'a.b@c' };
const client: NymProxyClient = await NymProxyClient.create(options);
const response: Response = await client.fetch('/', { method: 'POST', body: 'text' });
const text: string = await response.text();
const socket: WebSocket = client.webSocket('/chat');
const { readable, writable } = client.connect();
await readable.pipeTo(writable);
await client.close();
await using streams = await startStreams({ identity: { clientId: 'chat' } });
const stream: MixnetStream = streams.openStream('a.b@c');
for await (const message of stream.messages()) console.log(message.length);
console.log(text, socket.url);

// @ts-expect-error: the address of the server is needed.
await NymProxyClient.create({});
`;

const SERVICE_WORKER = `
import { serveTunnel } from 'nym-tcp-proxy/service-worker';

serveTunnel();

// @ts-expect-error: not any.
serveTunnel('nonsense');
`;

const NODE = `
import { NymProxyServer } from 'nym-tcp-proxy';
import { startLocalnet } from 'nym-tcp-proxy/localnet';

const { apiUrl } = await startLocalnet();
const server = await NymProxyServer.create({ upstream: '127.0.0.1:80', env: apiUrl });
const address: string = server.nymAddress;
await server.close();
console.log(address);

// @ts-expect-error: an upstream is text.
await NymProxyServer.create({ upstream: 80 });
`;

describe('the types of the packed package', { timeout: 120_000 }, () => {
  let packed: PackedPackage;
  let root: string;

  before(async () => {
    packed = await PackedPackage.pack();
    root = await packed.install('typed');
  }, limit);
  after(() => packed[Symbol.asyncDispose](), limit);

  /**
   * What the compiler has to say about an app of one file, and about our types that it reaches; those of the official
   * client are not right by themselves, so apps need `skipLibCheck`.
   */
  async function complaints(code: string, options: ts.CompilerOptions): Promise<string[]> {
    const app = join(root, 'app.ts');
    await writeFile(app, code);
    const program = ts.createProgram([app], { ...STRICT, ...options });
    const files = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(root));
    assert.ok(files.length > 1, 'the types of the package are not found');
    const found = files.flatMap((file) => ts.getPreEmitDiagnostics(program, file));
    return found.map(
      ({ file, messageText }) =>
        `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  }

  for (const [name, resolution] of RESOLUTIONS) {
    it(`are right in a page, resolved as ${name}`, limit, async () => {
      const options = { ...resolution, lib: PAGE_LIBS };
      assert.deepEqual(await complaints(page('nym-tcp-proxy/browser'), options), []);
    });

    it(`are right in a service worker, resolved as ${name}`, limit, async () => {
      const options = { ...resolution, lib: WORKER_LIBS };
      assert.deepEqual(await complaints(SERVICE_WORKER, options), []);
    });

    it(`are right in Node, resolved as ${name}`, limit, async () => {
      const typeRoots = [resolve('node_modules/@types')];
      // Our own types name `WebAssembly`, which Node's do not know.
      const lib = { lib: ['lib.es2022.d.ts'], skipLibCheck: true };
      const options = { ...resolution, ...lib, types: ['node'], typeRoots };
      assert.deepEqual(await complaints(NODE, options), []);
    });
  }

  it('are those of the browser under the condition "browser"', limit, async () => {
    const options = {
      module: ts.ModuleKind.ESNext,
      moduleResolution: Bundler,
      customConditions: ['browser'],
    };
    assert.deepEqual(await complaints(page('nym-tcp-proxy'), { ...options, lib: PAGE_LIBS }), []);
  });
});
