/**
 * What a localnet may be told, and whether that makes sense.
 *
 * @module
 */
import { isIP } from 'node:net';
import { LocalnetError } from './errors.js';
import type { Faults } from './faults.js';
import type { FrameVersion } from './gateway/rules.js';

/** What `startLocalnet` may be told. */
export interface LocalnetOptions {
  /** By default 2. */
  readonly gateways?: number | undefined;
  /**
   * How many of the gateways, the last ones, give bandwidth only for credentials, which the official client's free claim
   * is not: they refuse its start. By default none.
   */
  readonly paidGateways?: number | undefined;
  /** By default 2. */
  readonly mixNodesPerLayer?: number | undefined;
  /** Port of the directory; 0, or the default without a state directory, lets the operating system choose. */
  readonly port?: number | undefined;
  /** The IP address to listen on and to announce; by default 127.0.0.1. */
  readonly host?: string | undefined;
  /**
   * Where identities, ports, client keys and inboxes are kept across restarts. Without it everything is new each time
   * and nothing is written to disk.
   */
  readonly stateDir?: string | undefined;
  /** Worker threads that share the nodes; by default 2, or 1 on a machine with one core. */
  readonly threads?: number | undefined;
  /** What goes wrong between nodes from the start; by default nothing. */
  readonly faults?: Partial<Faults> | undefined;
  /**
   * Which frames the official client 1.4.1 is to send its packets in: by default `v1`, without a key rotation, as at real
   * gateways of today.
   */
  readonly frames?: FrameVersion | undefined;
  /**
   * Length in seconds of the days, counted from 1970 in UTC, with which free bandwidth ends; by default 86,400. Clients
   * then claim it anew.
   */
  readonly dayS?: number | undefined;
  /** With which gateways offer TLS (`wss`), besides WebSockets without; clients prefer it. By default they do not. */
  readonly tls?: LocalnetTls | undefined;
  /** Hears of nodes that died by a fault of the localnet, which should not happen. */
  readonly onFailure?: ((error: LocalnetError) => void) | undefined;
  /** Hears, in words for people, of packets that were dropped because the machine is too busy, or by a fault of a node. */
  readonly onTrouble?: ((what: string) => void) | undefined;
}

/** The certificate that all gateways show. */
export interface LocalnetTls {
  /** The private key, in PEM. */
  readonly key: string;
  /** The certificate and what chains it to an authority that the clients trust, in PEM. */
  readonly cert: string;
  /** The name in the certificate, by which clients find the gateways; by default `localhost`. */
  readonly hostname?: string | undefined;
}

const DEFAULT_GATEWAYS = 2;
const DEFAULT_MIX_NODES_PER_LAYER = 2;
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_DAY_S = 24 * 3600;
const DEFAULT_TLS_HOSTNAME = 'localhost';
const MAX_NODES_PER_KIND = 100;
const MAX_PORT = 0xffff;
const MAX_DAY_S = 366 * 24 * 3600;

/** The options of the network as a whole, complete. */
export type LocalnetSettings = ReturnType<typeof checkedSettings>;

/** @throws {LocalnetError} `bad-option` */
export function checkedSettings(options: LocalnetOptions) {
  const { gateways = DEFAULT_GATEWAYS, mixNodesPerLayer = DEFAULT_MIX_NODES_PER_LAYER } = options;
  const { paidGateways = 0, host = DEFAULT_HOST, port, dayS = DEFAULT_DAY_S, frames = 'v1', tls } = options;
  requireWholeNumber('gateways', gateways, 1, MAX_NODES_PER_KIND);
  requireWholeNumber('paidGateways', paidGateways, 0, gateways);
  requireWholeNumber('mixNodesPerLayer', mixNodesPerLayer, 1, MAX_NODES_PER_KIND);
  requireWholeNumber('dayS', dayS, 1, MAX_DAY_S);
  if (port !== undefined) requireWholeNumber('port', port, 0, MAX_PORT);
  if (isIP(host) === 0 || host === '0.0.0.0' || host === '::') {
    throw new LocalnetError(
      'bad-option',
      `host is "${host}"; give an IP address at which clients reach this machine, such as 127.0.0.1`,
    );
  }
  return {
    gateways,
    paidGateways,
    mixNodesPerLayer,
    host,
    port,
    dayS,
    frames,
    tls: tls && { ...tls, hostname: tls.hostname ?? DEFAULT_TLS_HOSTNAME },
  };
}

function requireWholeNumber(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new LocalnetError('bad-option', `${name} is ${value}; give a whole number from ${min} to ${max}`);
}
