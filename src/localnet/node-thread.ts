/**
 * The entry of a worker thread that hosts nodes.
 *
 * @module
 */
import { workerData, type MessagePort } from 'node:worker_threads';

import { expose } from 'comlink';

import { comlinkEndpoint } from './comlink-endpoint.js';
import { LocalnetError, type LocalnetErrorCode } from './errors.js';
import type { Faults } from './faults.js';
import type { Arrival } from './link.js';
import { NodeHost, type HostPlan } from './node-host.js';
import type { RotationKey } from './sphinx-keys.js';

/** What the thread is started with. */
export interface NodeThreadData {
  readonly plan: HostPlan;
  /** Where it is told what to do. */
  readonly control: MessagePort;
}

/** A result, or an error with its code, which would not survive the way between threads. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: LocalnetErrorCode | undefined; readonly message: string };

export type NodeThreadApi = ReturnType<typeof api>;

function api(host: NodeHost) {
  return {
    startNode: (id: number) => outcome(() => host.startNode(id)),
    stopNode: (id: number) => outcome(() => host.stopNode(id)),
    setFaults: (faults: Faults) => outcome(() => host.setFaults(faults)),
    rotateKey: (id: number, next: RotationKey) => outcome(() => host.rotateKey(id, next)),
    endKeyOverlap: () => outcome(() => host.endKeyOverlap()),
    deliver: (id: number, arrival: Arrival) => outcome(() => host.deliver(id, arrival)),
    reports: () => outcome(() => host.reports()),
    close: () => outcome(() => host.close()),
  };
}

async function outcome<T>(action: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await action() };
  } catch (error) {
    const code = error instanceof LocalnetError ? error.code : undefined;
    return { ok: false, code, message: error instanceof Error ? error.message : String(error) };
  }
}

const { plan, control } = workerData as NodeThreadData;
expose(api(new NodeHost(plan)), comlinkEndpoint(control));
