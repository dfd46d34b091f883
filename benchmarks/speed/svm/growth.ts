// How our grid grows with rows, columns, classes and values of C: measured one after the other, as rows and as a plot.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { View, parse } from 'vega';
import { compile } from 'vega-lite';
import type { ClassLabels } from '../../../src/classifiers/problem.js';
import { DEFAULT_GRID } from '../../../src/classifiers/select.js';
import { type Point, lines } from '../../../src/evaluation/report/charts.js';
import type { Matrix } from '../../../src/matrix.js';
import { Random } from '../../../src/random.js';
import { type Row, row } from '../row.js';
import { rowsAt } from './descriptors.js';
import { solveGrid } from './solve.js';

const plot = fileURLToPath(new URL('../../../../.cache/bench-svm/growth.svg', import.meta.url));

/** What the others stay at while one grows, and the values that it takes. */
const base = { rows: 4000, columns: 4096, classes: 20, grid: 8 } as const;
const values = {
  rows: [1000, 2000, 4000, 8000, 15_420],
  columns: [1024, 2048, 4096, 8192, 12_288],
  classes: [5, 10, 20, 40, 80],
  grid: [1, 2, 4, 8],
} as const;

type Case = Readonly<Record<keyof typeof base, number>>;

/** Rows drawn at random, and their first columns. */
const part = (matrix: Matrix, rows: readonly number[], columns: number): Matrix => {
  const whole = rowsAt(matrix, rows);
  const data = new Float32Array(rows.length * columns);
  rows.forEach((_, i) =>
    data.set(whole.data.subarray(i * matrix.columns, i * matrix.columns + columns), i * columns),
  );
  return { rows: rows.length, columns, data };
};

/** Measures every case on one thread and writes the plot into `.cache/bench-svm`. */
export const growthRows = async (
  { matrix, classes }: { readonly matrix: Matrix; readonly classes: readonly ClassLabels[] },
  quick: boolean,
  onNote: (text: string) => void,
): Promise<Row[]> => {
  const shuffled = new Random('growth').shuffle([...Array(matrix.rows).keys()]);
  const rows: Row[] = [];
  const points: Point[] = [];
  for (const what of Object.keys(values) as (keyof typeof base)[]) {
    for (const value of quick ? values[what].slice(0, 2) : values[what]) {
      const one: Case = { ...base, [what]: value };
      onNote(`growth: ${JSON.stringify(one)} …`);
      const chosen = shuffled.slice(0, one.rows);
      const own = classes.slice(0, one.classes).map(({ name, labels }) => ({
        name,
        labels: Int8Array.from(chosen, (at) => labels[at]!),
      }));
      const solved = await solveGrid(
        part(matrix, chosen, one.columns),
        own,
        DEFAULT_GRID.slice(0, one.grid),
        { threads: 1, repetitions: quick || one.rows > 8000 ? 1 : 2 },
      );
      points.push({ x: value / base[what], y: solved.seconds, series: what });
      rows.push(
        row({
          case: `growth: ${one.rows} x ${one.columns}, ${one.classes} classes, ${one.grid} C; Gram ${solved.gramSeconds.toFixed(2)} s`,
          unit: 's',
          ours: solved.seconds,
          peer: null,
          peerName: '–',
          figure: solved.seconds,
          target: null,
          better: 'lower',
        }),
      );
    }
  }
  const title = `times ${base.rows} rows, ${base.columns} columns, ${base.classes} classes or ${base.grid} values of C`;
  const spec = { ...lines(points, { x: title, y: 'seconds', points: true }), background: 'white' };
  await writeFile(plot, await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG());
  onNote(`the plot is ${plot}`);
  return rows;
};
