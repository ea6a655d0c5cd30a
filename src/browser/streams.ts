import { startMixnetClient, type StartOptions } from '../mixnet/browser/index.js';
import { MAINNET, type Network } from '../mixnet/network.js';
import { MixnetStreams, type StreamSettings } from '../streams/mixnet-streams.js';

/** Options of {@link startStreams}. */
export interface StreamsOptions
  extends
    StreamSettings,
    Pick<
      StartOptions,
      'identity' | 'traffic' | 'gateway' | 'startTimeoutMs' | 'signal' | 'onProgress' | 'onLog'
    > {
  /** Default **mainnet**. */
  readonly network?: Network | undefined;
}

/**
 * Connects the page to the mixnet, for streams to and from others. With an `identity` that is kept the Nym address stays;
 * it is this page's alone, so that each tab needs another `clientId`. The official client has a worker of its own; the
 * streams run in the page itself.
 *
 * @throws {MixnetClientError} if the network, gateway, identity or browser cannot be used; `identity` if another tab or
 *   client uses it.
 * @throws {RangeError} if a setting cannot be used.
 * @throws the signal's reason.
 */
export function startStreams(options: StreamsOptions = {}): Promise<MixnetStreams> {
  const { network = MAINNET, signal, idleTimeoutMs, maxIncoming, maxBufferedBytes, ...client } = options;
  return MixnetStreams.create({
    start: (stop) => startMixnetClient({ ...client, network, signal: stop }),
    signal,
    idleTimeoutMs,
    maxIncoming,
    maxBufferedBytes,
  });
}
