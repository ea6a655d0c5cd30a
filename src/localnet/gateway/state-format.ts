/**
 * The text of a gateway's state file.
 *
 * @module
 */
import { base58 } from '@scure/base';
import {
  addressField,
  base64Bytes,
  base64Text,
  fieldsOf,
  keyField,
  listField,
  numberField,
  parseFields,
  StateFormatError,
} from '../state-fields.js';
import { addressKey } from './clients.js';
import type { AddressKey } from './clients.js';
import type { InboxLimits } from './inbox.js';
import { GatewayMemory } from './memory.js';

const FORMAT_VERSION = 1;

/** The memory of the gateway with this ed25519 key, as JSON. */
export function formatState(gateway: Uint8Array, memory: GatewayMemory): string {
  const clients = Array.from(memory.clients.entries(), ([address, record]) => ({
    address: formatAddress(address),
    key: base64Text(record.key),
    bandwidth: record.bandwidth,
    bandwidthEndsAt: record.bandwidthEndsAt,
    lastAuthentication: record.lastAuthenticationS,
  }));
  const inbox = Array.from(memory.inbox.entries(), ([address, messages]) => ({
    address: formatAddress(address),
    messages: messages.map((message) => base64Text(message)),
  }));
  return JSON.stringify({ version: FORMAT_VERSION, gateway: base58.encode(gateway), clients, inbox });
}

/**
 * Reads what {@link formatState} wrote.
 *
 * @throws {StateFormatError} if it is anything else, or of another gateway
 */
export function parseState(text: string, gateway: Uint8Array, limits: InboxLimits): GatewayMemory {
  const state = parseFields(text, FORMAT_VERSION);
  if (state['gateway'] !== base58.encode(gateway))
    throw new StateFormatError('it belongs to another gateway');
  const memory = new GatewayMemory();
  for (const client of listField(state, 'clients')) {
    const fields = fieldsOf(client, 'a client');
    memory.clients.set(addressKey(addressField(fields, 'address')), {
      key: keyField(fields, 'key'),
      bandwidth: numberField(fields, 'bandwidth'),
      // Files of earlier versions do not say; whoever has too little claims again.
      bandwidthEndsAt: 'bandwidthEndsAt' in fields ? numberField(fields, 'bandwidthEndsAt') : 0,
      lastAuthenticationS: numberField(fields, 'lastAuthentication'),
    });
  }
  for (const entry of listField(state, 'inbox')) {
    const fields = fieldsOf(entry, 'an inbox entry');
    const address = addressKey(addressField(fields, 'address'));
    for (const message of listField(fields, 'messages')) {
      memory.inbox.add(address, base64Bytes(message, 'a message'), limits);
    }
  }
  return memory;
}

function formatAddress(address: AddressKey): string {
  return base58.encode(Buffer.from(address, 'hex'));
}
