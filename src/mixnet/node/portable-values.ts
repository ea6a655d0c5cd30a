/**
 * Values as IndexedDB holds them, as bytes that every runtime reads: JSON, in which an object with the key `$` stands for
 * what JSON does not have.
 *
 * @module
 */
import { deserialize } from 'node:v8';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** V8's own serialization, in which earlier versions wrote, begins so. */
const V8_MARK = 0xff;

/** @throws {TypeError} for what has no encoding: functions, class instances, regular expressions. */
export function encodeValue(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(toJson(value)));
}

/**
 * Reads what {@link encodeValue} wrote, or an earlier version with Node.
 *
 * @throws {Error} if it is neither.
 */
export function decodeValue(bytes: Uint8Array): unknown {
  if (bytes[0] === V8_MARK) return deserialize(bytes);
  return fromJson(JSON.parse(new TextDecoder().decode(bytes)) as Json);
}

function toJson(value: unknown): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : tagged('number', String(value === 0 ? '-0' : value));
  if (value === undefined) return tagged('undefined', null);
  if (typeof value === 'bigint') return tagged('bigint', value.toString());
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} cannot be stored`);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Date) return tagged('date', toJson(value.getTime()));
  if (value instanceof Uint8Array) return tagged('bytes', toBase64(value));
  if (value instanceof ArrayBuffer) return tagged('buffer', toBase64(new Uint8Array(value)));
  if (value instanceof Map) return tagged('map', [...(value as Map<unknown, unknown>)].map(toJson));
  if (value instanceof Set) return tagged('set', [...(value as Set<unknown>)].map(toJson));
  const entries = Object.entries(value).map(([key, member]) => [key, toJson(member)] as const);
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null))
    throw new TypeError(`a ${value.constructor.name} cannot be stored`);
  return Object.hasOwn(value, '$') ? tagged('object', entries) : Object.fromEntries(entries);
}

function tagged(kind: string, value: Json): Json {
  return { $: kind, value };
}

function fromJson(json: Json): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (isList(json)) return json.map(fromJson);
  if (!Object.hasOwn(json, '$')) {
    return Object.fromEntries(Object.entries(json).map(([key, member]) => [key, fromJson(member)]));
  }
  const { $: kind, value = null } = json;
  switch (kind) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(value);
    case 'bigint':
      return BigInt(textOf(value));
    case 'date':
      return new Date(Number(fromJson(value)));
    case 'bytes':
      return fromBase64(value);
    case 'buffer':
      return fromBase64(value).buffer;
    case 'map':
      return new Map(fromJson(value) as [unknown, unknown][]);
    case 'set':
      return new Set(fromJson(value) as unknown[]);
    case 'object':
      return Object.fromEntries(fromJson(value) as [string, unknown][]);
    default:
      throw new Error('it has a kind of value that this version does not know');
  }
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function fromBase64(text: Json): Uint8Array<ArrayBuffer> {
  // Of its own memory; a Buffer's may be a part of some pool.
  return Uint8Array.from(Buffer.from(textOf(text), 'base64'));
}

function textOf(json: Json): string {
  if (typeof json === 'string') return json;
  throw new Error('it is malformed');
}
