/**
 * Reading the fields of a state file, of which nothing is taken for granted.
 *
 * @module
 */
import { base58 } from '@scure/base';

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with a state file. The message does not name the file. */
export class StateFormatError extends Error {
  override readonly name = 'StateFormatError';
}

/**
 * The object in `text`, which must be of this version of the format.
 *
 * @throws {StateFormatError}
 */
export function parseFields(text: string, version: number): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StateFormatError('it is not JSON');
  }
  const fields = fieldsOf(value, 'it');
  if (fields['version'] !== version) throw new StateFormatError(`"version" is not ${version}`);
  return fields;
}

/** @throws {StateFormatError} if `value`, called `what`, is not an object */
export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new StateFormatError(`${what} is not an object`);
}

/** @throws {StateFormatError} if the field is not a list */
export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new StateFormatError(`"${name}" is not a list`);
}

/** @throws {StateFormatError} if the field is not a whole number from 0 to `max` */
export function numberField(fields: Fields, name: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new StateFormatError(`"${name}" is not a whole number from 0 to ${max}`);
}

/** @throws {StateFormatError} if the field is not base64 of 32 bytes */
export function keyField(fields: Fields, name: string): Uint8Array {
  const key = base64Bytes(fields[name], `"${name}"`);
  if (key.length === 32) return key;
  throw new StateFormatError(`"${name}" has ${key.length} bytes instead of 32`);
}

/** @throws {StateFormatError} if the field is not base58 of 32 bytes */
export function addressField(fields: Fields, name: string): Uint8Array {
  const text = fields[name];
  try {
    const bytes = typeof text === 'string' && text.length < 50 ? base58.decode(text) : undefined;
    if (bytes?.length === 32) return bytes;
  } catch {
    // Not base58.
  }
  throw new StateFormatError(`"${name}" is not base58 of 32 bytes`);
}

/** @throws {StateFormatError} if `value`, called `what`, is not base64 */
export function base64Bytes(value: unknown, what: string): Uint8Array {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  // Node skips what is not base64.
  if (bytes.toString('base64') === value) return new Uint8Array(bytes);
  throw new StateFormatError(`${what} is not base64`);
}

/** In base64, by Node itself: an inbox may have megabytes. */
export function base64Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
