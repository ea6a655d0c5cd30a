import { readFileSync } from 'node:fs';

/** The package's version; the package is where this was built. */
export const { version: VERSION } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
) as { version: string };
