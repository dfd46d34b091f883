// Test images of each class: best and worst scored, and those of other classes that score highest.
import { existsSync } from 'node:fs';
import sharp from 'sharp';
import type { Item } from '../../src/datasets/dataset.js';
import { MISSING } from '../../src/evaluation/ranking.js';
import { details } from '../../src/evaluation/report/facts.js';
import type { Content, Html } from '../../src/evaluation/report/html.js';
import { html } from '../../src/evaluation/report/html.js';
import { type Thumbnail, thumbnails } from '../../src/evaluation/report/thumbnails.js';
import { clipToImage, crop } from '../../src/images/crop.js';
import { loadImage } from '../../src/images/decode.js';
import { predictionsOf } from '../protocol/caltech.js';
import { labelsOf } from '../protocol/fit.js';
import { columnOf } from '../protocol/official.js';
import type { SplitOutcome } from '../protocol/outcome.js';

/** A test image with its score of a class, and the split in which it has it. */
interface Example {
  readonly item: Item;
  readonly score: number;
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
  const example = (row: number): Example => ({
    item: outcome.test[row]!,
    score: scores[row]!,
    split: outcome.name,
  });
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
const pictureOf = async (item: Item): Promise<Uint8Array | undefined> => {
  try {
    const whole = await loadImage(item.source, item.path);
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
const picturesOf = async (classes: readonly ClassExamples[]): Promise<Map<string, Uint8Array>> => {
  const pictures = new Map<string, Uint8Array>();
  for (const { best, worst, confused } of classes) {
    for (const { item } of [...best, ...worst, ...confused]) {
      if (pictures.has(item.id)) continue;
      const picture = await pictureOf(item);
      if (picture) pictures.set(item.id, picture);
    }
  }
  return pictures;
};

const rowOf = (
  title: string,
  name: string,
  examples: readonly Example[],
  pictures: ReadonlyMap<string, Uint8Array>,
  verdict: 'good' | 'bad' | undefined,
  several: boolean,
): Html | undefined => {
  const shown = examples.flatMap(({ item, score, split }): Thumbnail[] => {
    const image = pictures.get(item.id);
    const truth = item.labels.join(', ') || 'no class';
    return image
      ? [
          {
            image,
            alt: `Test image ${item.path}: ${truth}`,
            caption: html`${truth}<br />score ${score.toFixed(2)}${several ? `, ${split}` : ''}`,
            ...(verdict ? { verdict } : {}),
          },
        ]
      : [];
  });
  return shown.length === 0
    ? undefined
    : html`<p class="quiet">${title}</p>
        ${thumbnails(`${title}: ${name}`, shown)}`;
};

/** How many examples a kind: fewer for many classes, so that the page stays a few megabytes. */
const countFor = (classes: number): number => (classes <= 25 ? 4 : classes <= 110 ? 3 : 2);
const MOST_OPEN = 25;

/** The section; a remark where the image files are not at hand. */
export const exampleSection = async (
  outcomes: readonly SplitOutcome[],
  singleLabel: boolean,
): Promise<Content> => {
  if (!outcomes.some(({ test }) => test.some(({ source }) => existsSync(source.file)))) {
    return html`<p>
      The image files are not at hand: evaluate with the data set's folder to see test images here.
    </p>`;
  }
  const several = outcomes.length > 1;
  const classes = examplesOf(outcomes, countFor(outcomes[0]!.classes.length), singleLabel);
  const pictures = await picturesOf(classes);
  return classes.map(({ name, best, worst, confused }) => {
    const others = singleLabel ? `Others taken for ${name}` : `Highest scores without ${name}`;
    const body = [
      rowOf('Highest scores', name, best, pictures, 'good', several),
      rowOf('Lowest scores of the class', name, worst, pictures, undefined, several),
      rowOf(others, name, confused, pictures, 'bad', several),
    ];
    return classes.length <= MOST_OPEN ? [html`<h3>${name}</h3>`, body] : details(name, body);
  });
};
