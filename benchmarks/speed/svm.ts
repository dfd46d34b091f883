// Linear SVMs: the grid of C for all classes, compared with LIBLINEAR, scikit-learn and libsvm-js at equal quality; growth.
import { type Gram, gramOf } from '../../src/classifiers/gram.js';
import { solvePaths } from '../../src/classifiers/paths.js';
import type { Bias } from '../../src/classifiers/options.js';
import { type ClassLabels, fullSettings, oneVsRest } from '../../src/classifiers/problem.js';
import { DEFAULT_GRID } from '../../src/classifiers/select.js';
import { expected } from '../../src/errors.js';
import type { Matrix } from '../../src/matrix.js';
import { Random } from '../../src/random.js';
import { type Row, type SpeedBenchmark, missingRow, row } from './row.js';
import { averaged, describePictures, rowsAt } from './svm/descriptors.js';
import { growthRows } from './svm/growth.js';
import { type KernelTiming, kernelTiming } from './svm/kernel.js';
import { type PeerTimings, type Problem, QUALITY, libsvmPeer, pythonPeer } from './svm/peers.js';
import { type Picture } from './svm/pictures.js';
import { type Solved, faster, solveGrid } from './svm/solve.js';

/** A problem of the size of one of the paper's data sets, with its targets. */
interface Size {
  readonly title: string;
  readonly threads: number;
  /** Number of classes that LIBLINEAR trains; scikit-learn, which takes twice as long, trains one. */
  readonly peerClasses: number;
  readonly targets: { readonly liblinear?: number; readonly sklearn?: number; readonly libsvm?: number };
  /** Limit for the whole grid, in seconds. */
  readonly seconds?: number;
}

const sizes: Readonly<Record<string, Size>> = {
  voc: {
    title: 'VOC07 size, 5,011 x 4,096, 20 classes',
    threads: 1,
    peerClasses: 2,
    targets: { liblinear: 8, sklearn: 20, libsvm: 60 },
  },
  caltech101: {
    title: 'Caltech-101 size, 3,060 x 12,288, 102 classes',
    threads: 1,
    peerClasses: 2,
    targets: { liblinear: 50, sklearn: 150 },
  },
  caltech256: {
    title: 'Caltech-256 size, 15,420 x 12,288, 257 classes',
    threads: 2,
    peerClasses: 0,
    targets: {},
    seconds: 75,
  },
};

interface Data {
  readonly matrix: Matrix;
  readonly classes: ClassLabels[];
}

const VOC_ROWS = 5011;
const VOC_CLASSES = 20;
const SMALL = { classes: 102, pictures: 30 };

/** Pictures of the 20 largest subgroups with scales averaged, or of 102 or all concepts with scales stacked. */
export const dataOf = (size: string, pictures: readonly Picture[], matrix: Matrix): Data => {
  const labelled = (
    names: readonly string[],
    rows: readonly number[],
    key: 'name' | 'subgroup',
  ): ClassLabels[] =>
    oneVsRest(
      names,
      rows.map((at) => [pictures[at]![key]]),
    );
  if (size === 'voc') {
    const counts = new Map<string, number>();
    for (const { subgroup } of pictures) counts.set(subgroup, (counts.get(subgroup) ?? 0) + 1);
    const names = [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)!).slice(0, VOC_CLASSES);
    const all = [...pictures.keys()].filter((at) => names.includes(pictures[at]!.subgroup));
    const rows = new Random('voc').shuffle(all).slice(0, VOC_ROWS);
    return { matrix: averaged(rowsAt(matrix, rows)), classes: labelled(names, rows, 'subgroup') };
  }
  const names = [...new Set(pictures.map(({ name }) => name))];
  if (size === 'caltech256') return { matrix, classes: labelled(names, [...pictures.keys()], 'name') };
  const few = names.slice(0, SMALL.classes);
  const rows = [...pictures.keys()].filter(
    (at) => few.includes(pictures[at]!.name) && pictures[at]!.index < SMALL.pictures,
  );
  return { matrix: rowsAt(matrix, rows), classes: labelled(few, rows, 'name') };
};

/** Reference objectives, from our solver at a gap of 1e-5. */
const bestKnown = async (gram: Gram, classes: readonly ClassLabels[], bias: Bias): Promise<Problem[]> => {
  const problems: Problem[] = [];
  const common = { settings: fullSettings({ bias, tolerance: 1e-5 }), keep: 'coefficients' } as const;
  const grids = classes.map(() => DEFAULT_GRID);
  await solvePaths(gram, classes, grids, common, { threads: 1 }, (c, solutions) => {
    for (const { C, certificate } of solutions)
      problems.push({ labels: classes[c]!.labels, C, best: certificate.primal });
  });
  return problems;
};

/** Number of classes that libsvm-js trains. */
const LIBSVM_CLASSES = 4;

/** scikit-learn's first tolerance if LIBLINEAR's was not good enough. */
const MIDDLE = 0.03;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** A row that compares our grid with a peer's, extrapolated from a few classes to all. */
const compared = (
  { title, peerClasses }: Size,
  peer: string,
  target: number | null,
  ours: Solved,
  classes: number,
  answer: PeerTimings,
  kernel?: KernelTiming,
): Row => {
  const common = {
    case: `${title}: grid of 8 C, against ${peer}`,
    unit: 's',
    target,
    better: 'higher',
  } as const;
  if (typeof answer === 'string') return missingRow(common, answer);
  const { name, timings } = answer;
  const theirs =
    (sum(timings.map(({ milliseconds }) => milliseconds)) / 1000) * (classes / peerClasses) +
    (kernel?.seconds ?? 0);
  const missed = timings.filter(({ tolerance }) => tolerance === null).length;
  const loosest = [...new Set(timings.map(({ tolerance }) => tolerance ?? 'none'))].sort().join(', ');
  return row({
    ...common,
    ours: ours.seconds,
    peer: theirs,
    peerName: `${name}; ${peerClasses} of ${classes} classes, scaled up; tolerances ${loosest}${
      kernel ? `; kernel ${kernel.seconds.toFixed(1)} s included (${kernel.how})` : ''
    }${
      missed > 0
        ? `; ${missed} of ${timings.length} ended without being within ${QUALITY} and count as they are`
        : ''
    }`,
    figure: theirs / ours.seconds,
  });
};

const measure = async (
  name: string,
  data: Data,
  quick: boolean,
  onNote: (text: string) => void,
): Promise<Row[]> => {
  const size = sizes[name]!;
  const { matrix, classes } = data;
  onNote(`${size.title}: our grid …`);
  const repetitions = quick || name === 'caltech256' ? 1 : 5;
  const { threads } = size;
  const solveAll = (bias?: Bias): Promise<Solved> =>
    solveGrid(matrix, classes, DEFAULT_GRID, { threads, repetitions, ...(bias && { bias }) });
  // Timed before and after each peer: the speed of a shared machine drifts over minutes.
  let ours = await solveAll();
  onNote(
    `${ours.seconds.toFixed(2)} s, of which Gram ${ours.gramSeconds.toFixed(2)} s; worst gap ${ours.worstGap}`,
  );
  const own = (): Row =>
    row({
      case: `${size.title}: grid of 8 C, Gram matrix ${ours.gramSeconds.toFixed(2)} s included, worst gap ${ours.worstGap.toExponential(1)}, ${threads} thread${threads > 1 ? 's' : ''}`,
      unit: 's',
      ours: ours.seconds,
      peer: null,
      peerName: '–',
      figure: ours.seconds,
      target: size.seconds ?? null,
      better: 'lower',
    });
  if (size.peerClasses === 0) return [own()];
  const drawn = new Random('peers', name).shuffle([...classes]);
  const few = drawn.slice(0, size.peerClasses);
  const gram = gramOf(matrix, { threads: 1 });
  let problems = await bestKnown(gram, few, 'augmented');
  const answers: [title: string, peer: 'liblinear' | 'sklearn', part: Size, answer: PeerTimings][] = [];
  for (const peer of ['liblinear', 'sklearn'] as const) {
    onNote(`${size.title}: ${peer} …`);
    const title = peer === 'liblinear' ? "LIBLINEAR's core" : "scikit-learn's LinearSVC";
    const part = peer === 'liblinear' ? size : { ...size, peerClasses: 1 };
    const answer = await pythonPeer(peer, matrix, problems.slice(0, part.peerClasses * DEFAULT_GRID.length));
    answers.push([title, peer, part, answer]);
    ours = faster(ours, await solveAll());
    // scikit-learn uses LIBLINEAR: start with the tolerances found for it.
    if (peer === 'liblinear' && typeof answer !== 'string') {
      const { timings } = answer;
      problems = problems.map((problem, i) => ({ ...problem, start: timings[i]?.tolerance ?? MIDDLE }));
    }
  }
  const rows = [
    own(),
    ...answers.map(([title, peer, part, answer]) =>
      compared(part, title, size.targets[peer]!, ours, classes.length, answer),
    ),
  ];
  if (size.targets.libsvm !== undefined) {
    onNote(`${size.title}: libsvm-js …`);
    const peerClasses = quick ? 1 : LIBSVM_CLASSES;
    const part = { ...size, peerClasses };
    const before = await solveAll('unregularised');
    const kernel = kernelTiming(matrix);
    const theirs = await libsvmPeer(
      gram,
      await bestKnown(gram, drawn.slice(0, peerClasses), 'unregularised'),
    );
    const free = faster(before, await solveAll('unregularised'));
    const name = 'libsvm-js, unregularised bias';
    rows.push(
      compared(part, `${name}, its kernel given for nothing`, null, free, classes.length, theirs),
      compared(
        part,
        `${name}, its kernel in plain JavaScript included`,
        size.targets.libsvm,
        free,
        classes.length,
        theirs,
        kernel,
      ),
    );
  }
  return rows;
};

export const run: SpeedBenchmark = async ({ quick, size, onNote }) => {
  const names = [...Object.keys(sizes), 'growth'];
  if (size !== undefined && !names.includes(size)) throw expected(names.join(', '), '--size', size);
  const { pictures, matrix } = await describePictures(onNote);
  const rows: Row[] = [];
  for (const name of size === undefined ? names : [size]) {
    rows.push(
      ...(name === 'growth'
        ? await growthRows(dataOf('caltech256', pictures, matrix), quick, onNote)
        : await measure(name, dataOf(name, pictures, matrix), quick, onNote)),
    );
  }
  return { rows, facts: { grid: DEFAULT_GRID.join(', '), quality: QUALITY } };
};
