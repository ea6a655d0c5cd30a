import type { SessionSnapshot } from '../../browser/index.js';
import { el, setText } from '../dom.js';
import { bytes, duration } from '../format.js';

/** The open sessions and the last that ended, latest first. */
export interface SessionsTable {
  readonly element: HTMLElement;
  show(sessions: readonly SessionSnapshot[]): void;
}

const COLUMNS = ['No.', 'State', 'Sent', 'Received', 'Buffered', 'Round trip'] as const;

/** Makes the table, empty. */
export function makeSessionsTable(): SessionsTable {
  const body = el('tbody');
  const head = el('tr', {}, ...COLUMNS.map((name) => el('th', { scope: 'col' }, name)));
  const none = el('p', { class: 'none' }, 'No connection so far.');
  const table = el(
    'table',
    {},
    el('caption', { class: 'visually-hidden' }, 'Sessions'),
    el('thead', {}, head),
    body,
  );
  const rows = new Map<number, HTMLTableRowElement>();
  const trouble = el('p', { class: 'last-trouble' });
  const scrolled = { class: 'sessions', role: 'region', 'aria-label': 'Sessions', tabindex: 0 };

  return {
    element: el('div', {}, el('div', scrolled, table, none), trouble),
    show(sessions) {
      none.hidden = sessions.length > 0;
      const shown = new Set(sessions.map(({ number }) => number));
      for (const [number, row] of rows) {
        if (shown.has(number)) continue;
        row.remove();
        rows.delete(number);
      }
      // Oldest first, so that each new one comes on top.
      for (const session of sessions) {
        let row = rows.get(session.number);
        if (!row) {
          row = el('tr', {}, ...COLUMNS.map(() => el('td')));
          rows.set(session.number, row);
          body.prepend(row);
        }
        fill(row, session);
      }
      const failed = sessions.findLast((session) => session.error !== undefined && !isGivenUp(session));
      setText(trouble, failed ? `No. ${failed.number}: ${failed.error ?? ''}` : '');
    },
  };
}

/** What this end ends by itself, as an aborted fetch, is no trouble; only the words tell. */
function isGivenUp({ error }: SessionSnapshot): boolean {
  return error === 'the session was reset: the application gave it up';
}

function fill(row: HTMLTableRowElement, session: SessionSnapshot): void {
  const { number, state, bytesSent, bytesReceived, bytesBuffered, roundTripMs } = session;
  const texts = [
    String(number),
    isGivenUp(session) ? 'given up' : state,
    bytes(bytesSent),
    bytes(bytesReceived),
    bytes(bytesBuffered),
    roundTripMs === undefined ? '–' : duration(roundTripMs),
  ];
  texts.forEach((text, index) => {
    const cell = row.cells[index];
    if (cell) setText(cell, text);
  });
  row.dataset['state'] = state;
}
