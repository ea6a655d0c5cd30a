import type { NodeAddress } from './node-address.js';

/** A Sphinx packet on its way to a node. */
export interface RoutedPacket {
  readonly nextHop: NodeAddress;
  /** 0 = Sphinx, 2 = Outfox (sphinx.md section 1). */
  readonly packetType: number;
  /** 0 = unknown, 1 = odd, 2 = even; every hop and the ack keep it (sphinx.md section 6). */
  readonly keyRotation: number;
  /** The whole Sphinx packet. Whoever receives it does not change it. */
  readonly packet: Uint8Array;
  /** How much later than it was to be here it is, in ms, because the machine is busy; by default it is in time. */
  readonly lateMs?: number;
}

/** What a gateway finds in a packet whose last hop it is (gateway.md section 9). */
export interface FinalHop {
  /** The recipient's 32-byte ed25519 identity key. */
  readonly destination: Uint8Array;
  /** The unwrapped payload: 21 bytes from an ack packet, else ack hop, ack packet and message. */
  readonly payload: Uint8Array;
  /** Length in bytes of the Sphinx packet it came in; 386 means an ack. */
  readonly packetSize: number;
  readonly packetType: number;
  readonly keyRotation: number;
}
