/**
 * All that a gateway remembers.
 *
 * @module
 */
import { ClientTable } from './clients.js';
import { Inbox } from './inbox.js';

/** What survives a restart of a gateway. */
export class GatewayMemory {
  readonly clients = new ClientTable();
  readonly inbox = new Inbox();
}
