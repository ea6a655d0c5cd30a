import { el } from './dom.js';

export interface Tab {
  readonly id: string;
  readonly label: string;
  readonly panel: HTMLElement;
}

/** Tabs as the ARIA practices describe them: arrow keys, Home and End move, and what is moved to is shown. */
export function makeTabs(label: string, tabs: readonly Tab[]): HTMLElement {
  const list = el('div', { role: 'tablist', 'aria-label': label, class: 'tabs' });
  const element = el('div', { class: 'tabbed' }, list);
  const buttons = tabs.map((tab, index) => {
    const made = el('button', {
      type: 'button',
      role: 'tab',
      id: `tab-${tab.id}`,
      'aria-controls': `panel-${tab.id}`,
    });
    made.append(tab.label);
    made.addEventListener('click', () => show(index));
    made.addEventListener('keydown', (event) => {
      const to = target(event.key, index, tabs.length);
      if (to === undefined) return;
      event.preventDefault();
      show(to);
      buttons[to]?.focus();
    });
    list.append(made);
    element.append(
      el(
        'div',
        { role: 'tabpanel', id: `panel-${tab.id}`, 'aria-labelledby': made.id, class: 'tabpanel' },
        tab.panel,
      ),
    );
    return made;
  });

  function show(shown: number) {
    tabs.forEach((_, index) => {
      const on = index === shown;
      buttons[index]?.setAttribute('aria-selected', String(on));
      if (buttons[index]) buttons[index].tabIndex = on ? 0 : -1;
      const panel = element.children[index + 1];
      if (panel instanceof HTMLElement) panel.hidden = !on;
    });
  }

  show(0);
  return element;
}

function target(key: string, from: number, tabs: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
      return (from + 1) % tabs;
    case 'ArrowLeft':
      return (from + tabs - 1) % tabs;
    case 'Home':
      return 0;
    case 'End':
      return tabs - 1;
    default:
      return undefined;
  }
}
