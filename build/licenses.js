import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const PACKAGE = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/;

/**
 * Plugin of rolldown: puts a file beside the modules that names the packages in them and holds their licenses, as these
 * ask for.
 *
 * @param {string} fileName
 * @param {readonly string[]} others files with the licenses of what is not JavaScript
 * @returns {import('rolldown').Plugin}
 */
export function licenses(fileName, others = []) {
  return {
    name: 'licenses',
    async generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
      const packages = new Set(
        modules.map((id) => PACKAGE.exec(id)?.[0]).filter((path) => path !== undefined),
      );
      const texts = await Promise.all([...packages].sort().map(licenseOf));
      const more = await Promise.all(others.map((file) => readFile(file, 'utf8')));
      this.emitFile({ type: 'asset', fileName, source: [...texts, ...more].join('\n') });
    },
  };
}

/** @param {string} directory of a package */
async function licenseOf(directory) {
  const { name, version, license } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
  const file = (await readdir(directory)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : `\n${await readFile(join(directory, file), 'utf8')}`;
  return `${name} ${version}: ${license}\n${text}`;
}
