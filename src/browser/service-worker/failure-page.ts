import { FAILURES, type TunnelFailure } from './failure.js';
import type { Place } from './place.js';

/** A page and the policy to go with it. */
export interface FailurePage {
  readonly html: string;
  readonly policy: string;
}

/**
 * Says why a page could not be had, and has it asked for again: by hand, which needs no script, and, if that may help,
 * by itself.
 *
 * @param repeatable whether the request can be made again by loading its URL: what a form sent would be lost.
 */
export function failurePage(failure: TunnelFailure, repeatable: boolean, place: Place): FailurePage {
  const { title, text, passing } = FAILURES[failure.kind];
  const repeats = repeatable && passing;
  const nonce = crypto.randomUUID();
  const wayOn = repeats
    ? '<p><a class="button" href="">Try again</a></p><p class="note" role="status">It is tried again from time to time.</p>'
    : passing
      ? '<p class="note">What you sent may not have arrived. Go back and send it again.</p>'
      : `<p><a class="button" href="${escapeHtml(place.root)}">To the start page</a></p>`;
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${STYLE}</style>
<main>
${PICTURE}
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
${failure.message === '' ? '' : `<p class="detail">${escapeHtml(failure.message)}</p>`}
${wayOn}
</main>
${repeats ? `<script nonce="${nonce}">${RETRY}</script>` : ''}
</html>
`;
  const all = `${place.origin}/`;
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    `connect-src ${all}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${all}`,
  ].join('; ');
  return { html, policy };
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A path of hops that ends too early. */
const PICTURE = `<svg viewBox="0 0 120 24" width="120" height="24" aria-hidden="true">
<path d="M6 12H84" stroke="currentColor" stroke-width="2" fill="none"/>
<path d="M96 6l12 12M108 6l-12 12" stroke="currentColor" stroke-width="2" class="cross"/>
<g fill="currentColor"><circle cx="6" cy="12" r="5"/><circle cx="32" cy="12" r="4"/><circle cx="58" cy="12" r="4"/><circle cx="84" cy="12" r="4"/></g>
</svg>`;

const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ground: #f3f4f7; --ink: #1c2230; --soft: #566074; --line: #d9dde6; --accent: #1d5fd1; --on-accent: #fff; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #1b202b; --ground: #12151c; --ink: #e9ecf3; --soft: #a6afc0; --line: #333b4b; --accent: #8db8ff; --on-accent: #0c1a33; --bad: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 34rem; padding: clamp(1.25rem, 5vw, 2.5rem); background: var(--paper); border: 1px solid var(--line); border-radius: 0.75rem; }
svg { color: var(--soft); max-width: 100%; }
.cross { color: var(--bad); stroke: var(--bad); }
h1 { margin: 0.75rem 0 0.5rem; font-size: 1.35rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
p:last-child { margin-bottom: 0; }
.detail { padding: 0.6rem 0.8rem; background: var(--ground); border-radius: 0.4rem; color: var(--soft); font: 0.875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.note { color: var(--soft); font-size: 0.9rem; }
.button { display: inline-block; padding: 0.55rem 1.1rem; border-radius: 0.4rem; background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none; }
.button:hover { filter: brightness(1.1); }
.button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/**
 * Asks again, while somebody looks, in ever longer intervals, and shows the page once it can be had; so nothing flickers
 * meanwhile. The interval outlives the page, as what answers a HEAD may fail again at the GET.
 */
const RETRY = `
(async () => {
  const seen = history.state && history.state.nymRetryMs;
  for (let pause = seen || 2000; ; pause = Math.min(60000, 2 * pause)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    history.replaceState({ nymRetryMs: Math.min(60000, 2 * pause) }, '');
    if (document.hidden) continue;
    try {
      const answer = await fetch(location.href, { method: 'HEAD', redirect: 'manual', cache: 'no-store' });
      if ((answer.headers.get('proxy-status') || '').startsWith('nym-tcp-proxy')) continue;
    } catch {
      continue;
    }
    location.reload();
    return;
  }
})();
`;
