/** Links that browsers follow, or open connections for, before anything could stop them. */
const FOLLOWED = new Set([
  'compression-dictionary',
  'dns-prefetch',
  'manifest',
  'modulepreload',
  'preconnect',
  'prefetch',
  'preload',
  'prerender',
  'stylesheet',
]);

const ENTRY = /<[^>]*>(?:[^,"]|"(?:[^"\\]|\\.)*")*/g;
const RELATION = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;

/** The entries of a `Link` header that only inform, such as the next page of a list; `undefined` if there is none. */
export function informativeLinks(header: string): string | undefined {
  const kept = (header.match(ENTRY) ?? []).filter((entry) => {
    const [, quoted, bare] = RELATION.exec(entry) ?? [];
    const relations = (quoted ?? bare ?? '').toLowerCase().split(/\s+/);
    return !relations.some((relation) => FOLLOWED.has(relation));
  });
  return kept.length > 0 ? kept.map((entry) => entry.trim()).join(', ') : undefined;
}
