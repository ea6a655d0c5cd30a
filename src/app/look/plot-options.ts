import type uPlot from 'uplot';

import { bytes } from '../format.js';
import { WINDOW_S } from './samples.js';

export const HEIGHT = 170;

const AGO: Readonly<Record<number, string>> = { [-90]: '90 s ago', [-60]: '1 min', [-30]: '30 s', 0: 'now' };

/** The library has names for the sides, but only in its types. */
const RIGHT = { side: 1 };

/** How the plot looks: bytes on the left, time on the right, in the colours of the page. */
export function plotOptions(): uPlot.Options {
  const font = '12px system-ui, sans-serif';
  const axis = { font, stroke: () => colour('--dim'), ticks: { show: false } } as const;
  const grid = { stroke: () => colour('--line'), width: 1 } as const;
  const line = { width: 1.75, points: { show: false } } as const;

  const ago: uPlot.Axis = {
    ...axis,
    grid,
    size: 26,
    splits: [-120, -90, -60, -30, 0],
    values: (_, splits) => splits.map((at) => AGO[at] ?? ''),
  };
  const rate: uPlot.Axis = {
    ...axis,
    grid,
    scale: 'rate',
    size: 58,
    values: (_, splits) => splits.map((value) => bytes(value)),
  };
  const time: uPlot.Axis = {
    ...axis,
    scale: 'time',
    size: 58,
    values: (_, splits) => splits.map((ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)),
    grid: { show: false },
  };

  return {
    width: 320,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 0, 0, 0],
    scales: {
      x: { time: false, range: [-WINDOW_S, 0] },
      rate: { range: (_, __, max) => [0, Math.max(1000, max * 1.1)] },
      time: { range: (_, __, max) => [0, Math.max(100, max * 1.25)] },
    },
    axes: [ago, rate, Object.assign(time, RIGHT)],
    series: [
      {},
      { ...line, scale: 'rate', stroke: () => colour('--down'), fill: () => colour('--down-fill') },
      { ...line, scale: 'rate', stroke: () => colour('--up') },
      { ...line, scale: 'time', stroke: () => colour('--trip'), width: 1.25, dash: [4, 3] },
    ],
  };
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
