/**
 * What the connections of one gateway share.
 *
 * @module
 */
import type { Identity } from '../keys.js';
import type { RoutedPacket } from '../packet.js';
import type { AddressKey } from './clients.js';
import type { GatewayCounters } from './counters.js';
import type { GatewayLimits } from './limits.js';
import type { GatewayMemory } from './memory.js';
import type { GatewayRules } from './rules.js';
import type { StateFile } from './state-file.js';

/** Whether a client got something: `full` if its socket holds too much already. */
export type Delivery = 'sent' | 'full' | 'offline';

/** A registered or authenticated client on its connection. */
export interface Session {
  /** Hands a message or an ack to the client. */
  push(message: Uint8Array): Delivery;
  /** Tells the session that a newer one of the same client has begun. */
  onReplaced(): void;
}

export interface GatewayContext {
  readonly identity: Identity;
  readonly limits: GatewayLimits;
  readonly rules: GatewayRules;
  readonly memory: GatewayMemory;
  /** `undefined` if nothing is kept on disk. */
  readonly stateFile: StateFile | undefined;
  /** The newest session of each client that is connected. */
  readonly sessions: Map<AddressKey, Session>;
  readonly counters: GatewayCounters;
  /** Passes a packet on to the mix nodes. */
  readonly forward: (packet: RoutedPacket) => void;
}

/** Passes a packet on; whatever goes wrong behind the gateway is no concern of its clients. */
export function forwardPacket(context: GatewayContext, packet: RoutedPacket): boolean {
  try {
    context.forward(packet);
    return true;
  } catch {
    context.counters.forwardFailures += 1;
    return false;
  }
}

/** Does what one message or packet asks for; should that fail, it concerns nobody else. */
export function contain({ counters }: GatewayContext, action: () => void): void {
  try {
    action();
  } catch {
    counters.internalErrors += 1;
  }
}

/** Settles once all changes are on disk, or could not be written: the gateway goes on without. */
export async function saveState({ stateFile, counters }: GatewayContext): Promise<void> {
  try {
    await stateFile?.save();
  } catch {
    counters.saveFailures += 1;
  }
}
