import { MixnetStreams, type StreamSettings } from '../streams/mixnet-streams.js';
import { clientStarter, type MixnetOptions } from './mixnet-options.js';

/** Options of {@link startStreams}. */
export interface StreamsOptions extends MixnetOptions, StreamSettings {
  /** Directory of the identity, which keeps the Nym address; without it the identity is new each time. */
  readonly configDir?: string | undefined;
  /** Encrypts the keys in `configDir`. */
  readonly passphrase?: string | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to the mixnet, for streams to and from others.
 *
 * @throws {MixnetClientError} if the network, gateway or identity cannot be used.
 * @throws {RangeError} if a setting cannot be used.
 */
export async function startStreams(options: StreamsOptions = {}): Promise<MixnetStreams> {
  const { configDir, passphrase, signal, idleTimeoutMs, maxIncoming, maxBufferedBytes } = options;
  const start = await clientStarter(
    options,
    configDir === undefined ? 'ephemeral' : { configDir, passphrase },
  );
  return MixnetStreams.create({ start, signal, idleTimeoutMs, maxIncoming, maxBufferedBytes });
}
