// Test images of each class: best and worst scored, and those of other classes that score highest.
import { existsSync } from 'node:fs';
import sharp from 'sharp';
import type { Item } from '../../src/datasets/dataset.js';
import { MISSING, argmax } from '../../src/evaluation/ranking.js';
import { details } from '../../src/evaluation/report/facts.js';
import type { Content, Html } from '../../src/evaluation/report/html.js';
import { html } from '../../src/evaluation/report/html.js';
import { mean } from '../../src/evaluation/statistics.js';
import { type Thumbnail, thumbnails } from '../../src/evaluation/report/thumbnails.js';
import { clipToImage, crop } from '../../src/images/crop.js';
import { loadImage } from '../../src/images/decode.js';
import { rowOf } from '../../src/matrix.js';
import { predictionsOf } from '../protocol/caltech.js';
import { labelsOf } from '../protocol/fit.js';
import { columnOf } from '../protocol/official.js';
import type { SplitOutcome } from '../protocol/outcome.js';
import { MOST_CLASSES, ends } from './folding.js';

/** A test image with its score of a class, and the split in which it has it. */
interface Example {
  readonly item: Item;
  readonly score: number;
  /** The class that scores highest, and its score. */
  readonly predicted: string;
  readonly highest: number;
  readonly split: string;
}

/** The examples of one class. */
interface ClassExamples {
  readonly name: string;
  /** Images of the class, highest scores first; lowest scores first; other images, highest scores first. */
  readonly best: readonly Example[];
  readonly worst: readonly Example[];
  readonly confused: readonly Example[];
}

/** Each image once, as it comes first. */
const distinct = (examples: readonly Example[]): Example[] => {
  const seen = new Set<string>();
  return examples.filter(({ item: { id } }) => !seen.has(id) && seen.add(id));
};

/** The test images of a split by what one class's SVM says of them: images of the class, and those it is confused with. */
const sides = (
  outcome: SplitOutcome,
  c: number,
  labels: Int8Array,
  predicted: Int32Array | undefined,
): { own: Example[]; others: Example[] } => {
  const scores = columnOf(outcome.scores, c);
  const rows = [...scores.keys()].filter((row) => scores[row]! > MISSING);
  const example = (row: number): Example => {
    const all = rowOf(outcome.scores, row);
    const first = argmax(all);
    return {
      item: outcome.test[row]!,
      score: scores[row]!,
      predicted: outcome.classes[first]!,
      highest: all[first]!,
      split: outcome.name,
    };
  };
  return {
    own: rows.filter((row) => labels[row] === 1).map(example),
    others: rows
      .filter((row) => labels[row] === -1 && (predicted === undefined || predicted[row] === c))
      .map(example),
  };
};

/**
 * Picks examples of each class from all scored splits together. Confused are images without the class: with one label
 * an image, those predicted as this class; with several, those that score highest.
 */
const examplesOf = (
  outcomes: readonly SplitOutcome[],
  count: number,
  singleLabel: boolean,
): ClassExamples[] => {
  const splits = outcomes.map((outcome) => ({
    outcome,
    labels: labelsOf(outcome.classes, outcome.test),
    predicted: singleLabel ? predictionsOf(outcome.scores) : undefined,
  }));
  return (outcomes[0]?.classes ?? []).map((name, c) => {
    const parts = splits.map(({ outcome, labels, predicted }) =>
      sides(outcome, c, labels[c]!.labels, predicted),
    );
    const falling = (a: Example, b: Example): number => b.score - a.score;
    const own = parts.flatMap((part) => part.own).sort(falling);
    const best = distinct(own).slice(0, count);
    const shown = new Set(best.map(({ item }) => item.id));
    const worst = distinct([...own].reverse())
      .slice(0, count)
      .filter(({ item }) => !shown.has(item.id));
    const confused = distinct(parts.flatMap((part) => part.others).sort(falling)).slice(0, count);
    return { name, best, worst, confused };
  });
};

const SIDE = 144;
const QUALITY = 72;

/** A small JPEG of an item: of its box where it has one. */
const pictureOf = async (item: Item, orient: boolean): Promise<Uint8Array | undefined> => {
  try {
    const whole = await loadImage(item.source, item.path, { orient });
    const box = item.box && clipToImage(item.box, whole);
    const { width, height, data } = box ? crop(whole, box) : whole;
    return await sharp(data, { raw: { width, height, channels: 3 } })
      .resize({ width: SIDE, height: SIDE, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: QUALITY, mozjpeg: true })
      .toBuffer();
  } catch {
    return undefined; // It has a descriptor, so it was readable once: it has been moved since.
  }
};

/** Pictures by item, each made once. */
const picturesOf = async (
  classes: readonly ClassExamples[],
  orient: boolean,
): Promise<Map<string, Uint8Array>> => {
  const pictures = new Map<string, Uint8Array>();
  for (const { best, worst, confused } of classes) {
    for (const { item } of [...best, ...worst, ...confused]) {
      if (pictures.has(item.id)) continue;
      const picture = await pictureOf(item, orient);
      if (picture) pictures.set(item.id, picture);
    }
  }
  return pictures;
};

/** The class that scores highest; beside its score where an image has several labels. */
const predictedText = ({ predicted, highest }: Example, singleLabel: boolean): string =>
  singleLabel ? `predicted: ${predicted}` : `highest score: ${predicted} ${highest.toFixed(2)}`;

/** What a row of pictures shows, and of which class. */
interface PictureRow {
  readonly title: string;
  readonly name: string;
  readonly examples: readonly Example[];
  /** Framed as right or wrong; of images with one label by the predicted class where missing. */
  readonly verdict?: 'good' | 'bad' | undefined;
  /** Whether the class that scores highest is named. */
  readonly namesPredicted: boolean;
}

/** How all rows are written. */
interface Showing {
  readonly pictures: ReadonlyMap<string, Uint8Array>;
  readonly singleLabel: boolean;
  /** Whether the split is named. */
  readonly several: boolean;
}

const pictureRow = (
  { title, name, examples, verdict, namesPredicted }: PictureRow,
  { pictures, singleLabel, several }: Showing,
): Html | undefined => {
  const shown = examples.flatMap((example): Thumbnail[] => {
    const { item, score, split, predicted } = example;
    const image = pictures.get(item.id);
    const truth = item.labels.join(', ') || 'no class';
    const isWrong = singleLabel && predicted !== item.labels[0];
    const framed = verdict ?? (singleLabel ? (isWrong ? 'bad' : 'good') : undefined);
    const lines = [
      truth,
      ...(namesPredicted || (isWrong && verdict !== 'bad') ? [predictedText(example, singleLabel)] : []),
      `score ${score.toFixed(2)}${several ? `, ${split}` : ''}`,
    ];
    return image
      ? [
          {
            image,
            alt: `Test image ${item.path}: ${truth}`,
            caption: lines.map((line, i) => (i === 0 ? line : html`<br />${line}`)),
            ...(framed ? { verdict: framed } : {}),
          },
        ]
      : [];
  });
  return shown.length === 0
    ? undefined
    : html`<div>
        <p class="quiet">${title}</p>
        ${thumbnails(`${title}: ${name}`, shown)}
      </div>`;
};

/** How many examples a kind: fewer for many classes, so that the page stays a few megabytes. */
const countFor = (classes: number): number => (classes <= 25 ? 4 : classes <= 110 ? 3 : 2);

/** The mean figure of a class over the splits. */
const figureOf = (outcomes: readonly SplitOutcome[], name: string): number =>
  mean(
    outcomes.flatMap(
      ({ perClass }) => Object.values(perClass.find((one) => one.name === name)?.figures ?? {})[0] ?? [],
    ),
  );

/**
 * The section; a remark where the image files are not at hand.
 *
 * @param orient whether the descriptors are of images with their EXIF orientation applied
 */
export const exampleSection = async (
  outcomes: readonly SplitOutcome[],
  singleLabel: boolean,
  orient: boolean,
): Promise<Content> => {
  if (!outcomes.some(({ test }) => test.some(({ source }) => existsSync(source.file)))) {
    return html`<p>
      The image files are not at hand: evaluate with the data set's folder to see test images here.
    </p>`;
  }
  const classes = examplesOf(outcomes, countFor(outcomes[0]!.classes.length), singleLabel);
  const pictures = await picturesOf(classes, orient);
  const showing = { pictures, singleLabel, several: outcomes.length > 1 };
  const rowsOf = ({ name, best, worst, confused }: ClassExamples): Content => {
    const others = singleLabel ? `Others taken for ${name}` : `Highest scores without ${name}`;
    const rows: readonly PictureRow[] = [
      {
        title: 'Highest scores',
        name,
        examples: best,
        verdict: singleLabel ? undefined : 'good',
        namesPredicted: false,
      },
      { title: 'Lowest scores of the class', name, examples: worst, namesPredicted: true },
      { title: others, name, examples: confused, verdict: 'bad', namesPredicted: false },
    ];
    return html`<div class="examples">${rows.map((row) => pictureRow(row, showing))}</div>`;
  };
  if (classes.length <= MOST_CLASSES) return classes.map((one) => [html`<h3>${one.name}</h3>`, rowsOf(one)]);
  const sorted = [...classes].sort((a, b) => figureOf(outcomes, b.name) - figureOf(outcomes, a.name));
  const shown = new Set(ends(sorted));
  const folded = (some: readonly ClassExamples[]): Content =>
    some.map((one) => details(one.name, rowsOf(one)));
  const others = classes.filter((one) => !shown.has(one));
  return [
    html`<p class="quiet">The classes with the best and the worst figures:</p>`,
    folded([...shown]),
    details(`${others.length} more classes`, folded(others)),
  ];
};
