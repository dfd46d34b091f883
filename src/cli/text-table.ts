// Text tables for the terminal, with numbers right-aligned.

const isFigure = (text: string): boolean => /^[-–\d]/.test(text);

/** The lines of a table; a column is right-aligned if all its non-empty cells start like a number. */
export const textTable = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [headings, ...rows];
  const widths = headings.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  const figures = headings.map((_, i) => rows.every((row) => !row[i] || isFigure(row[i])));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, i) => (figures[i] ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(headings), rule.trimEnd(), ...rows.map(line)].join('\n');
};
