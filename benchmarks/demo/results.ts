// The demo's results, as in runs/demo/results.json, and as a table to print.

/** One row of a table: mean class recall in percent over the splits, and its standard deviation. */
export interface ResultRow {
  readonly name: string;
  readonly title: string;
  readonly meanClassRecall: number;
  readonly std: number;
}

/** An epoch of training, as it stands in the `history.json` of `verydeep train`. */
export interface Epoch {
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly trainTop1Error: number;
  readonly trainTop5Error: number;
  readonly validationTop1Error?: number;
  readonly validationTop5Error?: number;
  readonly imagesPerSecond: number;
}

/** Number of classes and images. */
export interface SetSize {
  readonly classes: number;
  readonly images: number;
}

export interface DemoResults {
  /** 100 unseen concepts. */
  readonly rows: readonly ResultRow[];
  /** 16 unseen subgroups, split by concept. */
  readonly subgroups: { readonly rows: readonly ResultRow[] };
  readonly sizes: Readonly<Record<string, SetSize>>;
  /** Wall-clock time of each stage, and of all. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: string;
  readonly engine: string;
  readonly seed: number;
  readonly backbone: string;
  readonly untrainedBackbone: string;
  readonly training: readonly Epoch[];
}

/** Chance: one of so many classes. */
export const chanceRow = (classes: number): ResultRow => ({
  name: 'chance',
  title: 'chance',
  meanClassRecall: 100 / classes,
  std: 0,
});

const figure = ({ name, meanClassRecall, std }: ResultRow): string =>
  name === 'chance' ? meanClassRecall.toFixed(1) : `${meanClassRecall.toFixed(1)} ± ${std.toFixed(1)}`;

/** Both tables side by side, as lines of text; a row of concepts that subgroups lack gets a dash there. */
export const textTable = ({ rows, subgroups }: Pick<DemoResults, 'rows' | 'subgroups'>): string => {
  const lines = [
    ['Mean class recall, %', '100 unseen concepts', '16 unseen subgroups'],
    ...rows.map((row, i) => [row.title, figure(row), subgroups.rows[i] ? figure(subgroups.rows[i]) : '–']),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map(([first, ...others]) =>
    [first!.padEnd(widths[0]!), ...others.map((cell, i) => cell.padStart(widths[i + 1]!))].join('   '),
  );
  return [text[0], '-'.repeat(text[0]!.length), ...text.slice(1)].join('\n');
};
