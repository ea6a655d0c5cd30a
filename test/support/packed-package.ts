import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What `npm pack` says of a tarball. */
export interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** The project as it would be published: what is built, packed, in a directory that goes with it. */
export class PackedPackage implements AsyncDisposable {
  readonly report: PackReport;
  readonly #directory: string;

  private constructor(directory: string, report: PackReport) {
    this.#directory = directory;
    this.report = report;
  }

  static async pack(): Promise<PackedPackage> {
    const directory = await mkdtemp(join(tmpdir(), 'nym-tcp-proxy-packed-'));
    const { stdout } = await run(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', directory],
      { timeout: 60_000 },
    );
    const [report] = JSON.parse(stdout) as [PackReport];
    return new PackedPackage(directory, report);
  }

  get tarball(): string {
    return join(this.#directory, this.report.filename);
  }

  /**
   * A project far from this one, where the package is installed and nothing else, not even what it depends on: a
   * browser needs none of it. Returns its directory.
   */
  async installAlone(project: string): Promise<string> {
    const root = join(this.#directory, project);
    const target = join(root, 'node_modules', 'nym-tcp-proxy');
    await mkdir(target, { recursive: true });
    await writeFile(join(root, 'package.json'), '{ "private": true, "type": "module" }');
    await run('tar', ['-xzf', this.tarball, '-C', target, '--strip-components=1'], { timeout: 60_000 });
    return root;
  }

  /** The same with what the package depends on. */
  async install(project: string): Promise<string> {
    const root = await this.installAlone(project);
    const manifest = await readFile(join(root, 'node_modules/nym-tcp-proxy/package.json'), 'utf8');
    const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
    for (const name of Object.keys(dependencies)) {
      const target = join(root, 'node_modules', name);
      await mkdir(dirname(target), { recursive: true });
      await symlink(resolve('node_modules', name), target);
    }
    return root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
