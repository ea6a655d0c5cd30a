/**
 * What can be asked of the demo's own upstream.
 *
 * @module
 */

/** A request that is worth a button. */
export interface FetchExample {
  readonly label: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const NOTHING = { headers: [], body: '' } as const;

export const FETCH_EXAMPLES: readonly FetchExample[] = [
  { label: 'A page', method: 'GET', path: '/', ...NOTHING },
  { label: '1 MiB', method: 'GET', path: '/large.bin', ...NOTHING },
  { label: '8 MiB', method: 'GET', path: '/large.bin?mib=8', ...NOTHING },
  { label: 'Events', method: 'GET', path: '/events', ...NOTHING },
  {
    label: 'Echo a post',
    method: 'POST',
    path: '/echo',
    headers: [['content-type', 'text/plain; charset=utf-8']],
    body: 'Hello, through a mixnet.\n',
  },
];
