/**
 * Those of the holders that have to go so that the rest hold no more than `maxBytes` together: of the owner whose holders
 * hold most, the one that holds most, until it is enough. So whoever has many small ones pushes out no larger one of
 * another.
 *
 * @param ownerOf whose it is: a mixnet client's at the other end, say.
 * @param maxBytes 0 is no limit.
 */
export function tooMuchHeld<H extends { readonly bytesBuffered: number }>(
  holders: Iterable<H>,
  ownerOf: (holder: H) => string,
  maxBytes: number,
): H[] {
  const held = [...holders].map((holder) => ({ holder, bytes: holder.bytesBuffered }));
  let total = held.reduce((sum, { bytes }) => sum + bytes, 0);
  if (maxBytes === 0 || total <= maxBytes) return [];
  const going: H[] = [];
  const owners = byOwner(held, ownerOf);
  while (total > maxBytes) {
    const largest = owners.reduce((most, one) => (one.bytes > most.bytes ? one : most));
    const victim = largest.held.shift();
    if (victim === undefined) break;
    largest.bytes -= victim.bytes;
    total -= victim.bytes;
    going.push(victim.holder);
  }
  return going;
}

interface Held<H> {
  readonly holder: H;
  readonly bytes: number;
}

/** What one owner has, those that hold most first, and what they hold together. */
interface Owner<H> {
  readonly held: Held<H>[];
  bytes: number;
}

function byOwner<H>(held: readonly Held<H>[], ownerOf: (holder: H) => string): Owner<H>[] {
  const owners = new Map<string, Owner<H>>();
  for (const one of held.toSorted((a, b) => b.bytes - a.bytes)) {
    const name = ownerOf(one.holder);
    const owner = owners.get(name) ?? { held: [], bytes: 0 };
    owners.set(name, owner);
    owner.held.push(one);
    owner.bytes += one.bytes;
  }
  return [...owners.values()];
}
