import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';

const LINK = /new URL\(\s*(['"])([^'"]+)\1,\s*import\.meta\.url,?\s*\)/g;

/**
 * Plugin of rolldown: every file that one of our sources names as `new URL('...', import.meta.url)` comes along, the
 * scripts of workers bundled, others as they are. Since all files lie in one folder, the URL becomes `./` and the name.
 *
 * Packages do not get what they link to: the only one that does is the official client, for a way of loading it that
 * nothing uses, and a bundler would ship its 3.7 MB once more.
 *
 * @returns {import('rolldown').Plugin}
 */
export function linkedFiles() {
  return {
    name: 'linked-files',
    async transform(code, importer) {
      if (!code.match(LINK)) return null;
      if (importer.includes('node_modules')) return { code: code.replace(LINK, 'undefined'), map: null };
      let changed = code;
      for (const [link, , specifier] of code.matchAll(LINK)) {
        const file = await this.resolve(specifier, importer);
        if (!file || file.external) throw new Error(`${importer} links to ${specifier}, which is not there.`);
        changed = changed.replace(link, `new URL('./${await emit(this, file.id)}', import.meta.url)`);
      }
      return { code: changed, map: null };
    },
  };
}

/**
 * @param {import('rolldown').PluginContext} context
 * @param {string} file
 */
async function emit(context, file) {
  const script = extname(file) === '.ts';
  const fileName = script ? `${basename(file, '.ts')}.js` : basename(file);
  context.emitFile(
    script
      ? { type: 'chunk', id: file, fileName }
      : { type: 'asset', fileName, source: await readFile(file) },
  );
  return fileName;
}
