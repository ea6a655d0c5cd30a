/** Rows under their headings, in columns: text to the left, numbers to the right. */
export function textTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string {
  const texts = [
    headings,
    ...rows.map((row) => row.map((cell) => (cell === undefined ? '-' : String(cell)))),
  ];
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length)));
  const isNumber = headings.map((_, column) => rows.every((row) => typeof row[column] !== 'string'));
  return texts
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return isNumber[column] === true ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Milliseconds as seconds with one digit after the point. */
export const inSeconds = (ms: number | undefined) =>
  ms === undefined ? undefined : Math.round(ms / 100) / 10;
