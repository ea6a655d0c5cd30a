/**
 * `npm run build:tls`: builds `wasm/tls` into `wasm/tls/nym_tls.wasm`, which is committed, with the licenses of what is
 * in it. With `--check` nothing is written: the build is compared with what is committed, where the same tools are
 * there; elsewhere it says that it did not run.
 *
 * The same tools give the same bytes, wherever the sources lie: no path gets into the module.
 */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import console from 'node:console';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

const TARGET = 'wasm32-unknown-unknown';
const CRATE = resolve(import.meta.dirname, '../wasm/tls');
const MODULE = join(CRATE, 'nym_tls.wasm');
const LICENSES = join(CRATE, 'LICENSES.txt');
const RECORD = join(CRATE, 'built-with.json');

const check = process.argv.includes('--check');
const tools = toolsHere();
if (check) {
  const { rustc, clang } = JSON.parse(readFileSync(RECORD, 'utf8'));
  const missing = [
    tools.rustc !== rustc && `rustc ${rustc} (there is ${tools.rustc ?? 'none'})`,
    !tools.target && `its target ${TARGET}`,
    tools.clang !== clang && `clang ${clang} (there is ${tools.clang ?? 'none'})`,
    !tools.archiver && 'llvm-ar',
  ].filter(Boolean);
  if (missing.length > 0) {
    console.log(`wasm/tls was NOT rebuilt and compared: that needs ${missing.join(', ')}.`);
    process.exit(0);
  }
}

const output = mkdtempSync(join(tmpdir(), 'nym-tls-'));
try {
  const { wasm, licenses } = built(output);
  if (check) {
    compare('nym_tls.wasm', wasm, readFileSync(MODULE));
    compare('LICENSES.txt', Buffer.from(licenses), readFileSync(LICENSES));
    console.log(`wasm/tls, rebuilt, is what is committed (sha256 ${sha256(wasm)}).`);
  } else {
    writeFileSync(MODULE, wasm);
    writeFileSync(LICENSES, licenses);
    const record = { rustc: tools.rustc, clang: tools.clang, sha256: sha256(wasm) };
    writeFileSync(RECORD, `${JSON.stringify(record, null, 2)}\n`);
    console.log(`${MODULE}: ${wasm.length} bytes, sha256 ${sha256(wasm)}`);
  }
} finally {
  rmSync(output, { recursive: true, force: true });
}

/** @param {string} output directory for what cargo makes */
function built(output) {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const registry = join(cargoHome, 'registry/src');
  run('cargo', ['fetch', '--locked', '--target', TARGET], { cwd: CRATE });
  const paths = [
    ...readdirSync(registry).map((index) => [join(registry, index), '/crates']),
    [CRATE, '/wasm/tls'],
    [output, '/target'],
    [rustSources(), '/rust'],
  ];
  run('cargo', ['build', '--release', '--locked', '--target', TARGET], {
    cwd: CRATE,
    env: {
      ...process.env,
      CARGO_TARGET_DIR: output,
      CARGO_ENCODED_RUSTFLAGS: paths.map(([from, to]) => `--remap-path-prefix=${from}=${to}`).join('\x1f'),
      CC_wasm32_unknown_unknown: 'clang',
      AR_wasm32_unknown_unknown: 'llvm-ar',
      CFLAGS_wasm32_unknown_unknown: paths.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`).join(' '),
    },
  });
  return { wasm: readFileSync(join(output, TARGET, 'release/nym_tls.wasm')), licenses: licenses() };
}

/** The licenses of all crates in the module, as these ask for. */
function licenses() {
  const args = ['metadata', '--locked', '--format-version', '1', '--filter-platform', TARGET];
  const { packages } = JSON.parse(run('cargo', args, { cwd: CRATE }));
  const theirs = packages.filter(({ source }) => source !== null);
  // Those that only build: they leave nothing in the module.
  const building = ['cc', 'find-msvc-tools', 'shlex', 'jobserver', 'libc'];
  const texts = theirs
    .filter(({ name }) => !building.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, version, license, license_file: file, manifest_path: manifest }) => {
      const directory = resolve(manifest, '..');
      const files = readdirSync(directory).filter((entry) => /^(licen[cs]e|copying|notice)/i.test(entry));
      const found = files.filter((entry) => !/apache/i.test(entry)).sort();
      const read = found.map((entry) => readText(join(directory, entry)));
      return `${name} ${version}: ${license ?? file}\n\n${read.join('\n')}`;
    });
  return `${texts.join('\n').replaceAll('\r', '').trimEnd()}\n`;
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A folder of that name.
    return '';
  }
}

function toolsHere() {
  const rust = tryRun('rustc', ['-vV']);
  const sysroot = tryRun('rustc', ['--print', 'sysroot'])?.trim();
  return {
    rustc: /^release: (.+)$/m.exec(rust ?? '')?.[1],
    target: sysroot !== undefined && isDirectory(join(sysroot, 'lib/rustlib', TARGET)),
    clang: /clang version ([\d.]+)/.exec(tryRun('clang', ['--version']) ?? '')?.[1],
    archiver: tryRun('llvm-ar', ['--version']) !== undefined,
  };
}

function rustSources() {
  return join(run('rustc', ['--print', 'sysroot']).trim(), 'lib/rustlib/src/rust');
}

/** @param {string} path */
function isDirectory(path) {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function compare(name, made, committed) {
  if (made.equals(committed)) return;
  console.error(
    `wasm/tls/${name} is not what its sources give (sha256 ${sha256(made)}, committed ${sha256(committed)}). ` +
      'Run npm run build:tls and commit the result.',
  );
  process.exit(1);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function run(command, args, options = {}) {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
    ...options,
  });
}

function tryRun(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}
