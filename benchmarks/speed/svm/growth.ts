// Growth of our grid's time in rows, columns, classes and values of C; one varies, the others are fixed.
import type { ClassLabels } from '../../../src/classifiers/problem.js';
import { DEFAULT_GRID } from '../../../src/classifiers/select.js';
import type { Matrix } from '../../../src/matrix.js';
import { Random } from '../../../src/random.js';
import { type Row, row } from '../row.js';
import { rowsAt } from './descriptors.js';
import { solveGrid } from './solve.js';

/** The fixed values, and those of the quantity that varies. */
export const base = { rows: 4000, columns: 4096, classes: 20, grid: 8 } as const;
const values = {
  rows: [1000, 2000, 4000, 8000, 15_420],
  columns: [1024, 2048, 4096, 8192, 12_288],
  classes: [5, 10, 20, 40, 80],
  grid: [1, 2, 4, 8],
} as const;

/** The quantities that vary. */
export type Growing = keyof typeof base;
type Case = Readonly<Record<Growing, number>>;

/** One measurement as a row. {@link growthPoints} parses its case. */
export const growthRow = (what: Growing, one: Case, seconds: number, gramSeconds: number): Row =>
  row({
    case: `growth with ${what}: ${one.rows} x ${one.columns}, ${one.classes} classes, ${one.grid} C; Gram ${gramSeconds.toFixed(2)} s`,
    unit: 's',
    ours: seconds,
    peer: null,
    peerName: '–',
    figure: seconds,
    target: null,
    better: 'lower',
  });

const pattern = /^growth with (\w+): (\d+) x (\d+), (\d+) classes, (\d+) C; Gram ([\d.]+) s$/;

/** One measurement. */
export interface GrowthPoint {
  readonly what: Growing;
  readonly value: number;
  readonly seconds: number;
  /** Of these, seconds for the Gram matrix. */
  readonly gramSeconds: number;
}

/** The growth measurements in the rows of a report. */
export const growthPoints = (rows: readonly Row[]): GrowthPoint[] =>
  rows.flatMap(({ case: text, figure }) => {
    const [, what, ...numbers] = pattern.exec(text) ?? [];
    if (what === undefined || !(what in base) || figure === null) return [];
    const at = Object.keys(base).indexOf(what);
    return [
      { what: what as Growing, value: Number(numbers[at]), seconds: figure, gramSeconds: Number(numbers[4]) },
    ];
  });

/** The given rows of a matrix, limited to the first columns. */
const part = (matrix: Matrix, rows: readonly number[], columns: number): Matrix => {
  const whole = rowsAt(matrix, rows);
  if (columns === matrix.columns) return whole;
  const data = new Float32Array(rows.length * columns);
  rows.forEach((_, i) =>
    data.set(whole.data.subarray(i * matrix.columns, i * matrix.columns + columns), i * columns),
  );
  return { rows: rows.length, columns, data };
};

/** Measures all cases on one thread with seeded random rows: the faster of two runs; one run of the largest case. */
export const growthRows = async (
  { matrix, classes }: { readonly matrix: Matrix; readonly classes: readonly ClassLabels[] },
  quick: boolean,
  onNote: (text: string) => void,
): Promise<Row[]> => {
  const shuffled = new Random('growth').shuffle([...Array(matrix.rows).keys()]);
  const rows: Row[] = [];
  for (const what of Object.keys(values) as Growing[]) {
    for (const value of quick ? values[what].slice(0, 2) : values[what]) {
      const one: Case = { ...base, [what]: value };
      onNote(`growth: ${JSON.stringify(one)} …`);
      const chosen = shuffled.slice(0, one.rows);
      const own = classes.slice(0, one.classes).map(({ name, labels }) => ({
        name,
        labels: Int8Array.from(chosen, (at) => labels[at]!),
      }));
      const { seconds, gramSeconds } = await solveGrid(
        part(matrix, chosen, one.columns),
        own,
        DEFAULT_GRID.slice(0, one.grid),
        { threads: 1, repetitions: quick || one.rows > 8000 ? 1 : 2 },
      );
      rows.push(growthRow(what, one, seconds, gramSeconds));
    }
  }
  return rows;
};
