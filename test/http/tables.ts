/**
 * The tables' rows, looked at by the client: in Node, and by a page that imports this.
 *
 * @module
 */
import { ANSWERS, outcomeOf, type Outcome } from './answers.js';
import { memoryClient } from './memory-upstream.js';
import { STANDARD } from './standard.js';

/** What each row came to, in their order. */
export interface TableResults {
  readonly answers: readonly Outcome[];
  readonly standard: readonly unknown[];
}

/** Looks at every row. */
export async function lookAtTables(): Promise<TableResults> {
  const answers = ANSWERS.map(({ answer, header }) =>
    outcomeOf(memoryClient(() => answer).fetch('/'), header),
  );
  const standard = STANDARD.map(({ look }) => look().catch((error: unknown) => String(error)));
  return { answers: await Promise.all(answers), standard: await Promise.all(standard) };
}

/** What the browser's own network stack makes of the answers, which are at these URLs. */
export async function fetchAnswers(urlOf: (row: number) => string): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [row, { header }] of ANSWERS.entries()) {
    outcomes.push(await outcomeOf(fetch(urlOf(row), { cache: 'no-store' }), header));
  }
  return outcomes;
}
