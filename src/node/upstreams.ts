import { isUpstreamName } from '../wire/open-request.js';
import { parseUpstreamAddress, type TcpAddress, type UnixAddress } from './tcp.js';

/** Where a service listens. */
export type UpstreamAddress = TcpAddress | UnixAddress;

/** The services that a server forwards to, by name. */
export class Upstreams {
  readonly #named: ReadonlyMap<string, UpstreamAddress>;
  /** For sessions that ask for none by name. */
  readonly #byDefault: UpstreamAddress | undefined;

  /**
   * @param byDefault `host:port` or `unix:PATH`; without it an only named one is the default.
   * @param named the same by name.
   * @throws {RangeError} saying what is wrong.
   */
  constructor(byDefault: string | undefined, named: Readonly<Record<string, string>> = {}) {
    this.#named = new Map(
      Object.entries(named).map(([name, text]) => [checkedName(name), parseUpstreamAddress(text)]),
    );
    const [only, ...more] = this.#named.values();
    if (byDefault !== undefined) this.#byDefault = parseUpstreamAddress(byDefault);
    else this.#byDefault = more.length === 0 ? only : undefined;
    if (byDefault === undefined && only === undefined)
      throw new RangeError('there must be an upstream, as host:port');
  }

  /** The upstream of that name, or the default one; `undefined` if there is none. */
  find(name: string | undefined): UpstreamAddress | undefined {
    return name === undefined ? this.#byDefault : this.#named.get(name);
  }
}

function checkedName(name: string): string {
  if (isUpstreamName(name)) return name;
  throw new RangeError(
    `"${name}" cannot name an upstream; use up to 63 letters, digits, ".", "_" and "-", a letter or digit first`,
  );
}
