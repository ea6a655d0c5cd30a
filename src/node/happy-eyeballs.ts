import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** How long an address may take before the next is tried beside it (RFC 8305 section 8). */
const ATTEMPT_DELAY_MS = 250;

/** What {@link connectFirst} uses of the system. */
export interface Network {
  readonly lookup: (host: string) => Promise<readonly LookupAddress[]>;
  readonly connect: (options: TcpNetConnectOpts) => Socket;
}

const SYSTEM: Network = {
  lookup: (host) =>
    new Promise((resolve, reject) => {
      systemLookup(host, { all: true, verbatim: true }, (error, addresses) => {
        if (error === null) resolve(addresses);
        else reject(error);
      });
    }),
  connect,
};

/**
 * Connects to the address of a name that accepts first. Unlike Node's own selection, which gives each but the last
 * 250 ms, no attempt is given up before one has succeeded.
 *
 * @param options as `net.connect` takes them.
 * @throws the signal's reason if it aborts.
 * @throws {AggregateError} of each address's error if none accepts.
 * @throws the error of the look-up.
 */
export async function connectFirst(
  options: TcpNetConnectOpts & { readonly host: string },
  signal: AbortSignal,
  network = SYSTEM,
): Promise<Socket> {
  signal.throwIfAborted();
  return new Promise<Socket>((resolve, reject) => {
    const attempts = new Set<Socket>();
    const errors: Error[] = [];
    let waiting: LookupAddress[] = [];
    let timer: NodeJS.Timeout | undefined;
    const settle = (winner?: Socket) => {
      clearTimeout(timer);
      waiting = [];
      signal.removeEventListener('abort', onAbort);
      for (const socket of attempts) if (socket !== winner) socket.destroy();
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    const onAbort = () => fail(signal.reason as Error);
    const next = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) {
        if (attempts.size === 0)
          fail(new AggregateError(errors, 'No address of the upstream can be reached'));
        return;
      }
      const socket = network.connect({ ...options, host: address.address, family: address.family });
      attempts.add(socket);
      const onError = (error: Error) => {
        attempts.delete(socket);
        errors.push(error);
        if (!signal.aborted) next();
      };
      socket.on('error', onError).once('connect', () => {
        socket.off('error', onError);
        settle(socket);
        resolve(socket);
      });
      if (waiting.length > 0) timer = setTimeout(next, ATTEMPT_DELAY_MS);
    };
    signal.addEventListener('abort', onAbort);
    network.lookup(options.host).then((addresses) => {
      if (signal.aborted) return;
      waiting = byTurns(addresses);
      next();
    }, fail);
  });
}

/** The families by turns, so that one that is broken here costs one attempt. */
function byTurns(addresses: readonly LookupAddress[]): LookupAddress[] {
  const [first] = addresses;
  const same = addresses.filter(({ family }) => family === first?.family);
  const other = addresses.filter(({ family }) => family !== first?.family);
  return same.flatMap((address, i) => [address, ...other.slice(i, i + 1)]).concat(other.slice(same.length));
}
