import { BLAKE2B_IV, blake2bModule } from './blake2b-module.js';

const BLOCK_LENGTH = 128;
const KEY_LENGTH = 64;
const DIGEST_LENGTH = 32;
/** Parameter block: digest length 32, key length 64, fanout 1, depth 1 (RFC 7693 section 2.5). */
const PARAMETERS = 0x01014020n;

// The module's memory: the state (64 bytes) at 0, the key as first block, then the data.
const KEY_BLOCK = BLOCK_LENGTH;
const DATA = KEY_BLOCK + BLOCK_LENGTH;
const MEMORY_LENGTH = 65536;
const MAX_DATA_LENGTH = MEMORY_LENGTH - DATA;

const INITIAL_STATE = new Uint8Array(
  BigUint64Array.from(BLAKE2B_IV, (word, i) => (i === 0 ? word ^ PARAMETERS : word)).buffer,
);

interface Compression {
  readonly memory: WebAssembly.Memory;
  readonly compress: (pointer: number, blocks: number, lastBytes: number) => void;
}

const { memory, compress } = new WebAssembly.Instance(new WebAssembly.Module(blake2bModule()))
  .exports as unknown as Compression;
const bytes = new Uint8Array(memory.buffer);

/**
 * BLAKE2b with a 64-byte key and a 32-byte digest (RFC 7693).
 * @throws {RangeError} if the key is not 64 bytes long or the data longer than 65,280 bytes
 */
export function keyedBlake2b(key: Uint8Array, data: Uint8Array): Uint8Array {
  if (key.length !== KEY_LENGTH)
    throw new RangeError(`BLAKE2b key of ${key.length} bytes; give ${KEY_LENGTH}`);
  if (data.length > MAX_DATA_LENGTH) {
    throw new RangeError(`${data.length} bytes to hash; at most ${MAX_DATA_LENGTH} fit the module's memory`);
  }
  const dataBlocks = Math.ceil(data.length / BLOCK_LENGTH);
  const lastBytes = data.length === 0 ? BLOCK_LENGTH : data.length - (dataBlocks - 1) * BLOCK_LENGTH;

  bytes.set(INITIAL_STATE, 0);
  bytes.set(key, KEY_BLOCK); // the other half of this block is zero and stays so
  bytes.set(data, DATA);
  bytes.fill(0, DATA + data.length, DATA + dataBlocks * BLOCK_LENGTH);
  compress(KEY_BLOCK, 1 + dataBlocks, lastBytes);
  return bytes.slice(0, DIGEST_LENGTH);
}
