/**
 * Where things are in the picture of the way: eight rows from this page down to the service.
 *
 * @module
 */
import type { LocalnetNode } from './localnet-nodes.js';
import { count, shortKey } from '../format.js';

/** A thing on the way. */
export interface Spot {
  /** Stays the same while it is the same thing. */
  readonly key: string;
  readonly x: number;
  readonly y: number;
  readonly kind: 'end' | 'node' | 'crowd';
  readonly text: string;
  /** Packets so far, where that is known. */
  readonly packets: number | undefined;
  readonly running: boolean;
}

/** Things of one kind at one height. */
export interface Row {
  readonly name: string;
  readonly spots: readonly Spot[];
}

/** What is known of the way. */
export interface WayKnowledge {
  /** Base58 identities of the gateways, where known. */
  readonly ownGateway: string | undefined;
  readonly serverGateway: string;
  readonly upstream: string;
  /** On a localnet, all of its nodes. */
  readonly nodes: readonly LocalnetNode[] | undefined;
}

export const WIDTH = 400;
export const ROW_HEIGHT = 46;
const TOP = 24;
const LEFT = 110;
const CENTRE = 205;

export const HEIGHT = TOP * 2 + 7 * ROW_HEIGHT;

/** The rows, from top to bottom. */
export function wayRows(known: WayKnowledge): readonly Row[] {
  const { ownGateway, serverGateway, upstream } = known;
  return [
    { name: '', spots: [end(0, 'this page')] },
    { name: 'your gateway', spots: [gateway(1, 'own', ownGateway, known)] },
    ...[1, 2, 3].map((layer) => ({ name: `mix layer ${layer}`, spots: mixNodes(layer, known) })),
    { name: 'server’s gateway', spots: [gateway(5, 'server', serverGateway, known)] },
    { name: '', spots: [end(6, 'server')] },
    { name: '', spots: [end(7, upstream)] },
  ];
}

function end(row: number, text: string): Spot {
  return {
    key: `end ${row}`,
    x: CENTRE,
    y: height(row),
    kind: 'end',
    text,
    packets: undefined,
    running: true,
  };
}

function gateway(row: number, whose: string, identity: string | undefined, { nodes }: WayKnowledge): Spot {
  const node = nodes?.find((one) => one.identity === identity);
  return {
    key: `${whose} gateway`,
    x: CENTRE,
    y: height(row),
    kind: 'node',
    text: node ? numbered(node) : identity === undefined ? '…' : shortKey(identity),
    packets: node?.packets,
    running: node?.running ?? true,
  };
}

function mixNodes(layer: number, { nodes }: WayKnowledge): readonly Spot[] {
  const y = height(layer + 1);
  if (!nodes) {
    const crowd = [0, 1, 2, 3, 4].map((index) => ({
      key: `crowd ${layer} ${index}`,
      x: LEFT + 10 + index * 42,
      y,
      kind: 'crowd' as const,
      text: index === 4 ? 'one of many' : '',
      packets: undefined,
      running: true,
    }));
    return crowd;
  }
  const here = nodes.filter((node) => node.layer === layer);
  const apart = Math.min(145, (WIDTH - LEFT - 20) / Math.max(1, here.length));
  const first = here.length === 2 ? LEFT + 20 : LEFT + 10;
  return here.map((node, index) => ({
    key: `node ${node.id}`,
    x: here.length === 1 ? CENTRE : first + index * apart,
    y,
    kind: 'node',
    // With more of them there is no room for words.
    text: here.length <= 2 ? numbered(node) : '',
    packets: node.packets,
    running: node.running,
  }));
}

function numbered({ packets, running }: LocalnetNode): string {
  return running ? `${count(packets)} packets` : 'stopped';
}

function height(row: number): number {
  return TOP + row * ROW_HEIGHT;
}
