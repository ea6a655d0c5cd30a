import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { loadNymWasm } from '../../wasm/load.js';
import { compileNymWasm } from '../../wasm/node.js';

describe('the official client in Node', { timeout: 60_000 }, () => {
  it('is compiled once and loads', async () => {
    const module = await compileNymWasm();
    assert.equal(await compileNymWasm(), module);
    const banner: string[] = [];
    const { log } = console;
    console.log = (line: string) => banner.push(line);
    try {
      const { memory } = loadNymWasm(module);
      assert.ok(memory.buffer.byteLength > 0);
    } finally {
      console.log = log;
    }
    // wasm/README.md says which build the lockfile names; swap the one only together with the other.
    assert.match(banner.join('\n'), /b4046a8969805642ee82dfaffc1ecd1584899897/);
  });
});
