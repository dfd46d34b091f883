// Figures from what nets say and what is there: streamed over the images, with intervals.
import type { FileHandle } from 'node:fs/promises';
import type { Located, Size } from '../../src/backbone/boxes/located.js';
import type { Box, Item } from '../../src/datasets/dataset.js';
import { ENOUGH, type Guess, bestOverlap, isLocalised } from '../../src/evaluation/localisation.js';
import { writeAtomically } from '../../src/io/files.js';
import type { Skipped } from '../../src/progress.js';
import { appendLines, predictionHeader } from '../ilsvrc/predictions.js';
import { type Combination, type ImageGuesses, boxOfRow, readGuesses } from './guesses.js';
import type { Figure, FullRow, Shown, SimplifiedRow } from './results.js';
import { predictionLine } from './submission.js';
import type { TrivialAnswer } from './trivial.js';

const Z = 1.959964;

/** A share in percent, with Wilson's interval. */
export const shareOf = (count: number, total: number): Figure => {
  const share = count / total;
  const denominator = 1 + Z ** 2 / total;
  const centre = (share + Z ** 2 / (2 * total)) / denominator;
  const half = (Z / denominator) * Math.sqrt((share * (1 - share)) / total + Z ** 2 / (4 * total ** 2));
  return {
    value: 100 * share,
    low: 100 * Math.max(0, centre - half),
    high: 100 * Math.min(1, centre + half),
  };
};

/** Mean and normal interval of values given by their sums. */
const meanFigure = (sum: number, squares: number, total: number): Figure => {
  const mean = sum / total;
  const half = Z * Math.sqrt(Math.max(0, squares / total - mean ** 2) / total);
  return { value: 100 * mean, low: 100 * (mean - half), high: 100 * (mean + half) };
};

/** Counts of boxes of the true class. */
class BoxTally {
  #wrong = 0;
  #sum = 0;
  #squares = 0;
  #total = 0;

  add(iou: number): void {
    this.#total++;
    this.#sum += iou;
    this.#squares += iou ** 2;
    if (iou < ENOUGH) this.#wrong++;
  }

  get error(): Figure {
    return shareOf(this.#wrong, this.#total);
  }

  get meanIou(): Figure {
    return meanFigure(this.#sum, this.#squares, this.#total);
  }
}

/** Counts of five guesses. */
class GuessTally {
  readonly own = new BoxTally();
  #images = 0;
  #wrong = { top5: 0, top1: 0, class5: 0, class1: 0 };

  add(guesses: readonly Guess[], labels: readonly string[], truth: readonly Guess[]): void {
    const wrong = this.#wrong;
    const isClass = (some: readonly Guess[]): boolean => some.some(({ label }) => labels.includes(label));
    this.#images++;
    if (!isLocalised(guesses, labels, truth)) wrong.top5++;
    if (!isLocalised(guesses.slice(0, 1), labels, truth)) wrong.top1++;
    if (!isClass(guesses)) wrong.class5++;
    if (!isClass(guesses.slice(0, 1))) wrong.class1++;
  }

  row(name: string): FullRow {
    const { top5, top1, class5, class1 } = this.#wrong;
    const of = (count: number): Figure => shareOf(count, this.#images);
    return {
      ...{ name, top5Error: of(top5), top1Error: of(top1) },
      ...{ classTop5Error: of(class5).value, classTop1Error: of(class1).value },
      ...{ errorGivenClass: this.own.error, meanIou: this.own.meanIou },
    };
  }
}

/** An image as it is tested: its classes that have boxes, and all boxes of them. */
interface Tested {
  readonly item: Item;
  readonly size: Size;
  readonly labels: readonly string[];
  readonly truth: readonly Guess[];
}

/** The located images by id. */
export const testedOf = (located: readonly Located[]): Map<string, Tested> => {
  const tested = new Map<string, Tested>();
  for (const { item, label, size, boxes } of located) {
    const before = tested.get(item.id);
    tested.set(item.id, {
      ...{ item, size, labels: [...(before?.labels ?? []), label] },
      truth: [...(before?.truth ?? []), ...boxes.map((box) => ({ label, box }))],
    });
  }
  return tested;
};

/** Figures of a run. */
export interface Scores {
  readonly simplified: SimplifiedRow[];
  readonly full: FullRow[];
  readonly iouHistogram: number[];
  readonly shown: { readonly best: Shown[]; readonly worst: Shown[] };
  readonly skipped: Skipped[];
}

/** Images of each end that a report shows. */
const SHOWN = 8;
const BARS = 10;

const isRead = (line: ImageGuesses | Skipped): line is ImageGuesses => !('reason' in line);

/**
 * Reads all guesses once: counts errors and overlaps, and writes the submission of the first combination. An image that could
 * not be read counts as an error without any overlap.
 */
export const scoreGuesses = async (
  file: string,
  tested: ReadonlyMap<string, Tested>,
  {
    nets,
    combinations,
    trivial,
    items,
    predictions,
  }: {
    readonly nets: readonly string[];
    readonly combinations: readonly Combination[];
    readonly trivial: readonly TrivialAnswer[];
    readonly items: readonly Item[];
    readonly predictions: string | undefined;
  },
): Promise<Scores> => {
  const paths = new Map(items.map((item) => [item.id, item.path]));
  const central = nets.map(() => new BoxTally());
  const simple = trivial.map(() => new BoxTally());
  const full = combinations.map(() => new GuessTally());
  const trivialFull = combinations.length > 0 ? trivial.map(() => new GuessTally()) : [];
  const iouHistogram = new Array<number>(BARS).fill(0);
  const skipped: Skipped[] = [];
  let best: Shown[] = [];
  let worst: Shown[] = [];
  const overlapOf = (label: string, box: Box | undefined, truth: readonly Guess[]): number =>
    box ? bestOverlap({ label, box }, truth) : 0;

  const score = ({ size, labels, truth }: Tested, line: ImageGuesses | undefined): void => {
    labels.forEach((label) => {
      trivial.forEach((answer, i) =>
        simple[i]!.add(overlapOf(label, line && answer.boxOf(label, size), truth)),
      );
      central.forEach((tally, n) => {
        const row = line?.central?.[n]?.[label];
        tally.add(overlapOf(label, row && boxOfRow(row), truth));
      });
      full.forEach((tally, c) => {
        const row = line?.full?.[c]?.own[label];
        tally.own.add(overlapOf(label, row && boxOfRow(row), truth));
      });
      if (!line) return;
      const row = line.central?.[0]?.[label] ?? line.full?.[0]?.own[label];
      const iou = overlapOf(label, row && boxOfRow(row), truth);
      iouHistogram[Math.min(BARS - 1, Math.floor(iou * BARS))]!++;
      const one: Shown = { id: line.id, label, iou };
      best = [...best, one].sort((a, b) => b.iou - a.iou).slice(0, SHOWN);
      worst = [...worst, one].sort((a, b) => a.iou - b.iou).slice(0, SHOWN);
    });
    full.forEach((tally, c) => {
      const guesses = (line?.full?.[c]?.guesses ?? []).map(([label, ...row]) => ({
        label,
        box: boxOfRow(row),
      }));
      tally.add(guesses, labels, truth);
    });
    trivialFull.forEach((tally, i) => {
      const guesses = (line?.full?.[0]?.guesses ?? []).map(([label]) => ({
        ...{ label, box: trivial[i]!.boxOf(label, size) },
      }));
      tally.add(guesses, labels, truth);
      for (const label of labels)
        tally.own.add(overlapOf(label, line && trivial[i]!.boxOf(label, size), truth));
    });
  };

  const all = async (submission: FileHandle | undefined): Promise<void> => {
    if (submission) await appendLines(submission, [predictionHeader]);
    for await (const line of readGuesses(file)) {
      const here = tested.get(line.id);
      if (!isRead(line)) skipped.push(line);
      if (here) score(here, isRead(line) ? line : undefined);
      if (submission)
        await appendLines(submission, [predictionLine(paths.get(line.id)!, isRead(line) ? line : undefined)]);
    }
  };
  if (predictions === undefined || combinations.length === 0) await all(undefined);
  else await writeAtomically(predictions, all);
  const isScored = tested.size > 0;
  const rowOf = (name: string, tally: BoxTally): SimplifiedRow => ({
    ...{ name, error: tally.error, meanIou: tally.meanIou },
  });
  return {
    simplified: isScored
      ? [
          ...central.map((tally, i) => rowOf(nets[i]!, tally)),
          ...simple.map((tally, i) => rowOf(trivial[i]!.name, tally)),
        ]
      : [],
    full: isScored
      ? [
          ...full.map((tally, i) => tally.row(combinations[i]!.name)),
          ...trivialFull.map((tally, i) => tally.row(`classes, and ${trivial[i]!.name}`)),
        ]
      : [],
    ...{ iouHistogram, shown: { best, worst }, skipped },
  };
};
