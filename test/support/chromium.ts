import { chromium, type Browser } from 'playwright-core';

/** No sandbox, since tests run as root too; nothing that calls home. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a real Chromium, which comes from npm like everything else. Whoever started it closes it. */
export async function startChromium(moreArgs: readonly string[] = []): Promise<Browser> {
  const args = [...ARGS, ...moreArgs];
  return chromium.launch({ ...(await whichChromium()), args, headless: true, timeout: 60_000 });
}

/**
 * The package from npm holds a Chromium for Linux on x64 only; elsewhere the Chrome of the machine has to do.
 *
 * It brings the few system libraries that Chromium needs as well, but unpacks them, and points the system's loader to
 * them, only where it believes to run on Amazon's machines; so it is told that it does.
 */
async function whichChromium(): Promise<{ executablePath: string } | { channel: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { channel: 'chrome' };
  process.env['AWS_EXECUTION_ENV'] ??= 'AWS_Lambda_nodejs20.x';
  const { default: sparticuz } = await import('@sparticuz/chromium');
  return { executablePath: await sparticuz.executablePath() };
}
