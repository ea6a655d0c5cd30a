import { guardUrl } from './guard.js';
import type { Place } from './place.js';

/**
 * What a page of the upstream may ask for: the app's own origin, where this worker hears of it, and nothing else.
 *
 * Beyond that it forbids what a service worker does not get to hear of, so that it would be asked of the app's own
 * server: WebSockets, plugins, workers with a script of their own (other service workers among them), and frames and
 * forms outside the scope. Two things it cannot stop, WebRTC and some navigations, are the guard's (`guard.ts`).
 */
export function ownPolicy(place: Place): string {
  // With its scheme, as the keyword 'self' would allow WebSockets to the same host.
  const all = `${place.origin}/`;
  const root = `${place.origin}${place.root}`;
  return [
    `default-src ${all} data: blob: 'unsafe-inline' 'unsafe-eval'`,
    `connect-src ${all} data: blob:`,
    'worker-src blob:',
    `frame-src ${root}`,
    "object-src 'none'",
    "manifest-src 'none'",
    `form-action ${root}`,
    `base-uri ${all}`,
    `frame-ancestors ${all}`,
    'sandbox allow-same-origin allow-scripts allow-forms allow-modals allow-downloads allow-pointer-lock',
  ].join('; ');
}

/** Of the upstream's own policies, in which these would do harm: the page is framed, by the app, and not over https. */
const DROPPED = ['block-all-mixed-content', 'frame-ancestors', 'upgrade-insecure-requests'];

/** The directives that decide whether a script may be loaded, the first one present counting. */
const SCRIPT_DIRECTIVES = ['script-src-elem', 'script-src', 'default-src'];

interface Directive {
  readonly name: string;
  readonly values: readonly string[];
}

/**
 * The upstream's policies as they can be kept here, as the value of one header; `undefined` if nothing is left.
 *
 * A page that its upstream puts into a sandbox with an origin of its own would be out of this worker's sight. It stays
 * in sight, but its scripts, which the sandbox was to tame, do not run.
 *
 * @param guardHash integrity metadata of the guard, such as `sha256-…`.
 */
export function keptPolicies(header: string, place: Place, guardHash: string): string | undefined {
  const kept = header
    .split(',')
    .map((policy) => textOf(allowGuard(restrained(directivesOf(policy)), place, guardHash)))
    .filter((policy) => policy !== '');
  return kept.length > 0 ? kept.join(', ') : undefined;
}

function directivesOf(policy: string): Directive[] {
  return policy.split(';').flatMap((directive) => {
    const [name, ...values] = directive.trim().split(/\s+/);
    return name === undefined || name === '' ? [] : [{ name: name.toLowerCase(), values }];
  });
}

function restrained(directives: Directive[]): Directive[] {
  const kept = directives.filter(({ name }) => !DROPPED.includes(name));
  const ownOrigin = ({ name, values }: Directive) =>
    name === 'sandbox' && !values.includes('allow-same-origin');
  if (!kept.some(ownOrigin)) return kept;
  const others = kept.filter(({ name }) => name !== 'sandbox' && !name.startsWith('script-src'));
  return [...others, { name: 'script-src', values: ["'none'"] }];
}

function allowGuard(directives: Directive[], place: Place, guardHash: string): Directive[] {
  const deciding = SCRIPT_DIRECTIVES.find((wanted) => directives.some(({ name }) => name === wanted));
  return directives.map(({ name, values }) => {
    if (name !== deciding) return { name, values };
    const allowed = values.filter((value) => value.toLowerCase() !== "'none'");
    // A hash in every policy would take the effect of 'unsafe-inline' away.
    const strict = allowed.some((value) => value.toLowerCase() === "'strict-dynamic'");
    return { name, values: [...allowed, strict ? `'${guardHash}'` : guardUrl(place)] };
  });
}

function textOf(directives: Directive[]): string {
  return directives.map(({ name, values }) => [name, ...values].join(' ')).join('; ');
}
