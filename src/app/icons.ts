import { svg } from './dom.js';

const PATHS = {
  back: 'M16 10H4m5-5-5 5 5 5',
  forward: 'M4 10h12m-5-5 5 5-5 5',
  reload: 'M15.5 6.5A6.5 6.5 0 1 0 16.5 11M16 2.5v4.5h-4.5',
  stop: 'm5 5 10 10M15 5 5 15',
  home: 'm3 10 7-6.5 7 6.5M5 8.5V16h10V8.5',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture for a button whose label says the same. */
export function icon(name: IconName): SVGSVGElement {
  const path = svg('path', {
    d: PATHS[name],
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': 1.75,
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  });
  return svg('svg', { viewBox: '0 0 20 20', width: 20, height: 20, 'aria-hidden': 'true' }, path);
}

/** A button with a picture, and the label for who cannot see it. */
export function iconButton(name: IconName, label: string, onClick: () => void): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'icon';
  made.addEventListener('click', onClick);
  setIcon(made, name, label);
  return made;
}

export function setIcon(button: HTMLButtonElement, name: IconName, label: string): void {
  button.replaceChildren(icon(name));
  button.setAttribute('aria-label', label);
  button.title = label;
}
