import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Where a node takes Sphinx packets: a literal IP address and its mix port (0..65535). */
export interface NodeAddress {
  /** IPv4 in dotted form or IPv6, without brackets. Decoded addresses are in the shortest form (RFC 5952). */
  readonly host: string;
  readonly port: number;
}

/** Bytes that are not a node address, or an address that cannot be written as one. */
export class NodeAddressError extends Error {
  override readonly name = 'NodeAddressError';
}

/** Length of an address in front of an ack packet (sphinx.md section 7). */
export const ACK_ADDRESS_LENGTH = 19;
/** Length of an address in a routing block (sphinx.md section 4). */
export const ROUTING_ADDRESS_LENGTH = 32;

const IPV4_LENGTH = 7;
const IPV6_LENGTH = 19;

/**
 * Encodes an address without padding: version (4 or 6), port, octets; 7 bytes for IPv4, 19 for IPv6
 * (sphinx.md section 6). Append zeros for the padded forms, or use {@link encodePaddedNodeAddress}.
 * @throws {NodeAddressError} if the host is not a literal IP address or the port is not 0..65535
 */
export function encodeNodeAddress({ host, port }: NodeAddress): Uint8Array {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new NodeAddressError(`port ${port} of node ${host} is not a number from 0 to 65535`);
  }
  if (isIPv4(host)) return Uint8Array.of(4, port >> 8, port & 0xff, ...host.split('.').map(Number));
  if (isIPv6(host) && !host.includes('%'))
    return Uint8Array.of(6, port >> 8, port & 0xff, ...ipv6Octets(host));
  throw new NodeAddressError(`node host "${host}" is not an IP address: give one, names are not resolved`);
}

/**
 * Encodes an address with zeros up to `length` bytes (19 or 32).
 * @throws {NodeAddressError} as {@link encodeNodeAddress}
 */
export function encodePaddedNodeAddress(address: NodeAddress, length: 19 | 32): Uint8Array {
  const padded = new Uint8Array(length);
  padded.set(encodeNodeAddress(address));
  return padded;
}

/**
 * Reads the address at the start of `bytes`, in any of its encodings; padding and whatever follows are ignored.
 * @returns the address and its unpadded length (7 or 19)
 * @throws {NodeAddressError} if the first byte is neither 4 nor 6, or the bytes end too early
 */
export function readNodeAddress(bytes: Uint8Array): { address: NodeAddress; length: 7 | 19 } {
  const [version, high = 0, low = 0] = bytes;
  const port = (high << 8) | low;
  if (version === 4 && bytes.length >= IPV4_LENGTH) {
    return { address: { host: bytes.subarray(3, IPV4_LENGTH).join('.'), port }, length: IPV4_LENGTH };
  }
  if (version === 6 && bytes.length >= IPV6_LENGTH) {
    return { address: { host: ipv6Text(bytes.subarray(3, IPV6_LENGTH)), port }, length: IPV6_LENGTH };
  }
  throw new NodeAddressError(
    `not a node address: ${bytes.length} bytes, IP version ${String(version)} (4 or 6 expected)`,
  );
}

/** `host:port`, with brackets around IPv6. */
export function formatNodeAddress({ host, port }: NodeAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The same address always as the same text, so that it can be the key of a map. */
export function canonicalNodeAddress(address: NodeAddress): NodeAddress {
  return readNodeAddress(encodeNodeAddress(address)).address;
}

function ipv6Octets(host: string): number[] {
  // The URL parser turns an embedded IPv4 part into groups, which leaves only "::" to expand.
  const groups = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [head = '', tail] = groups.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function ipv6Text(octets: Uint8Array): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0)).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
