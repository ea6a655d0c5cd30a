import type { StartProgress } from '../../browser/index.js';
import { el, setText } from '../dom.js';
import { duration } from '../format.js';

type StepName = StartProgress['step'];

const STEPS: readonly { readonly step: StepName; readonly label: string; readonly detail: string }[] = [
  { step: 'wasm', label: 'Official Nym client', detail: 'loads and compiles, 1.5 MB' },
  { step: 'keys', label: 'Keys', detail: 'made, or taken from this browser' },
  { step: 'gateway', label: 'Gateway', detail: 'lets the client into the network' },
  { step: 'ready', label: 'Ready', detail: 'the tunnel is open' },
];

/** What happens on the way to a connection, step by step with times. */
export interface Steps {
  readonly element: HTMLElement;
  /** All are still to do. */
  reset(): void;
  /** The first is being done. */
  begin(): void;
  reached(progress: StartProgress): void;
  /** Nothing is being done any more. */
  stop(): void;
}

/** Makes the list. */
export function makeSteps(): Steps {
  const rows = STEPS.map(({ label, detail }) => {
    const time = el('span', { class: 'time' });
    const row = el(
      'li',
      { class: 'todo' },
      el('span', { class: 'label' }, label, el('span', { class: 'detail' }, detail)),
      time,
    );
    return { row, time };
  });
  const spoken = el('p', { class: 'visually-hidden', role: 'status' });
  const element = el(
    'section',
    { class: 'card steps', 'aria-labelledby': 'steps-title' },
    el('h2', { id: 'steps-title' }, 'What happens'),
    el('ol', {}, ...rows.map(({ row }) => row)),
    spoken,
  );
  let lastMs = 0;
  let done = 0;

  const mark = (index: number, state: 'todo' | 'doing' | 'done' | 'skipped') => {
    const row = rows[index]?.row;
    if (row) row.className = state;
  };
  const reset = () => {
    lastMs = 0;
    done = 0;
    rows.forEach(({ time }, index) => {
      mark(index, 'todo');
      setText(time, '');
    });
    setText(spoken, '');
  };

  return {
    element,
    reset,
    begin() {
      reset();
      mark(0, 'doing');
      setText(spoken, 'Connecting.');
    },
    reached({ step, ms }) {
      const index = STEPS.findIndex((one) => one.step === step);
      if (index < done) return;
      // Another tab has done them.
      for (let skipped = done; skipped < index; skipped += 1) {
        mark(skipped, 'skipped');
        const time = rows[skipped]?.time;
        if (time) setText(time, 'not needed');
      }
      mark(index, 'done');
      mark(index + 1, 'doing');
      const time = rows[index]?.time;
      if (time) setText(time, step === 'ready' ? `${duration(ms)} in all` : duration(ms - lastMs));
      lastMs = ms;
      done = index + 1;
      setText(spoken, `${STEPS[index]?.label ?? ''}: done.`);
    },
    stop() {
      mark(done, 'todo');
    },
  };
}
