import type uPlot from 'uplot';

import { el } from '../dom.js';
import { HEIGHT, plotOptions } from './plot-options.js';
import { Samples } from './samples.js';
import type { Look } from './watch.js';

/** Throughput and round trip of the last two minutes. */
export interface Plot {
  readonly element: HTMLElement;
  add(look: Look): void;
}

/** Makes the plot; it takes the width of its place and follows the colours of the page. */
export function makePlot(signal: AbortSignal): Plot {
  const element = el('div', {
    class: 'plot',
    role: 'img',
    'aria-label': 'Throughput and round trip of the last two minutes',
  });
  const samples = new Samples();
  let plot: uPlot | undefined;
  void loadLibrary().then((Library) => {
    if (!signal.aborted) plot = drawn(new Library(plotOptions(), [[], [], [], []], element), element, signal);
  });
  return {
    element,
    add({ at, down, up, snapshot }) {
      samples.add({ at, down, up, roundTrip: snapshot.roundTripMs });
      const columns = samples.columns(at);
      plot?.setData([columns.ago, columns.down, columns.up, columns.roundTrip]);
    },
  };
}

/** Loaded when there is something to plot. */
async function loadLibrary(): Promise<typeof uPlot> {
  // It formats numbers in the browser's language, and does not load if that is none, as "en-US@posix" of Chrome on
  // Linux without a locale.
  if (!isLanguage(navigator.language)) {
    Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
  }
  const { default: Library } = await import('uplot');
  return Library;
}

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

function drawn(plot: uPlot, place: HTMLElement, signal: AbortSignal): uPlot {
  const resize = new ResizeObserver(([entry]) => {
    const { width = 0 } = entry?.contentRect ?? {};
    if (width > 0) plot.setSize({ width, height: HEIGHT });
  });
  resize.observe(place);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => plot.redraw(false), { signal });
  signal.addEventListener('abort', () => {
    resize.disconnect();
    plot.destroy();
  });
  return plot;
}
