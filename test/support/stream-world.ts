import { randomBytes } from 'node:crypto';

import type { MixnetStream } from '../../src/streams/mixnet-stream.js';
import { MixnetStreams, type StreamSettings } from '../../src/streams/mixnet-streams.js';
import { formatNymAddress } from '../../src/wire/nym-address.js';
import { MemoryMixnet, type MemoryClient } from './memory-mixnet.js';

/** A Nym address that nobody else has. */
export function newAddress(): string {
  const key = () => new Uint8Array(randomBytes(32));
  return formatNymAddress({ identity: key(), encryption: key(), gateway: key() });
}

/** The next stream that comes. */
export async function nextStream(listener: AsyncIterator<MixnetStream>): Promise<MixnetStream> {
  const result = await listener.next();
  if (result.done === true) throw new Error('nothing is listened for any more');
  return result.value;
}

/** Streams over clients of a mixnet in memory, and the client that they have now. */
export class StreamEnd {
  readonly streams: MixnetStreams;
  client: MemoryClient;
  readonly #mixnet: MemoryMixnet;
  readonly #keepsAddress: boolean;

  /** @param keepsAddress whether each client has the address of the one before. */
  constructor(mixnet: MemoryMixnet, { keepsAddress = true, ...settings }: EndOptions = {}) {
    this.#mixnet = mixnet;
    this.#keepsAddress = keepsAddress;
    this.client = mixnet.client(newAddress());
    this.streams = new MixnetStreams(this.client, () => Promise.resolve(this.#nextClient()), settings);
  }

  get address(): string {
    return this.streams.address;
  }

  #nextClient(): MemoryClient {
    this.client = this.#mixnet.client(this.#keepsAddress ? this.client.address : newAddress());
    return this.client;
  }
}

export interface EndOptions extends StreamSettings {
  readonly keepsAddress?: boolean;
}

/** A mixnet in memory and all that was made in it, closed together. */
export class StreamWorld implements AsyncDisposable {
  readonly mixnet = new MemoryMixnet();
  readonly #ends: StreamEnd[] = [];

  end(options?: EndOptions): StreamEnd {
    const end = new StreamEnd(this.mixnet, options);
    this.#ends.push(end);
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ends.map(({ streams }) => streams.close()));
    this.mixnet.close();
  }
}
