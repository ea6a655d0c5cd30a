/**
 * A Nym network for tests and for work without the internet: directory, gateways and mix nodes in one process.
 *
 * @module
 */
export { startLocalnet } from './localnet.js';
export type { Localnet } from './localnet.js';
export type { LocalnetOptions, LocalnetTls } from './localnet-options.js';
export type { LocalnetCounters } from './network.js';
export type { DropCounters, NodeCounters } from './counters.js';
export { LocalnetError } from './errors.js';
export type { LocalnetErrorCode } from './errors.js';
export type { Faults } from './faults.js';
export type { GatewayCounters } from './gateway/counters.js';
export type { FrameVersion } from './gateway/rules.js';
export type { NodeReport } from './node-host.js';
export type { LocalnetGateway, LocalnetMixNode, LocalnetNode, MixLayer } from './topology.js';
