import sparticuz from '@sparticuz/chromium';
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
export async function startChromium(): Promise<Browser> {
  const executablePath = await sparticuz.executablePath();
  return chromium.launch({ executablePath, args: ARGS, headless: true, timeout: 60_000 });
}
