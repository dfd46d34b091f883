// The report of localisation: errors beside the paper's tables 8 to 10, overlaps, and images with true and predicted boxes.
import type { Item } from '../../src/datasets/dataset.js';
import { chart } from '../../src/evaluation/report/chart.js';
import { lines } from '../../src/evaluation/report/charts.js';
import { facts } from '../../src/evaluation/report/facts.js';
import { page } from '../../src/evaluation/report/page.js';
import { table } from '../../src/evaluation/report/table.js';
import { type Thumbnail, thumbnails } from '../../src/evaluation/report/thumbnails.js';
import type { Guess } from '../../src/evaluation/localisation.js';
import { loadImage } from '../../src/images/decode.js';
import { drawBoxes } from '../../src/images/draw-boxes.js';
import { seenText } from '../protocol/seen.js';
import type { PublishedBoxErrors } from './published.js';
import type { Figure, LocalisationResults, Shown } from './results.js';

/** An image of the report with its boxes. */
export interface Picture extends Shown {
  readonly item: Item;
  readonly truth: readonly Guess[];
  readonly predicted: Guess;
}

const figure = ({ value, low, high }: Figure): string =>
  `${value.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;

const titles: Readonly<Record<PublishedBoxErrors['table'], string>> = {
  8: 'Table 8: simplified testing',
  9: 'Table 9: full testing',
  10: 'Table 10: the state of the art',
};

const published = (results: LocalisationResults, number: PublishedBoxErrors['table']) => ({
  title: titles[number],
  body: table({
    caption: `From memory of the paper: ${number === 8 ? 'error of the box of the true class' : 'top-5 localisation error'}, percent`,
    rows: results.published.filter((row) => row.table === number),
    columns: [
      { title: 'Method', value: ({ method }) => method },
      { title: 'Validation set', value: ({ val = NaN }) => val, digits: 1 },
      { title: 'Test set', value: ({ test = NaN }) => test, digits: 1 },
    ],
  }),
});

const thumbnailOf = async ({ item, label, iou, truth, predicted }: Picture): Promise<Thumbnail[]> => {
  try {
    const image = await loadImage(item.source, item.path);
    const bytes = await drawBoxes(
      image,
      [
        ...truth.map(({ box }) => ({ box, colour: '#16c60c' })),
        { box: predicted.box, colour: '#ff2d55', dashed: true },
      ],
      { longest: 160, least: 160 },
    )
      .jpeg({ quality: 75 })
      .toBuffer();
    const words = `${label}, IoU ${iou.toFixed(2)}`;
    return [
      {
        ...{ image: bytes, alt: `${item.path}: ${words}`, caption: words },
        verdict: iou >= 0.5 ? 'good' : 'bad',
      },
    ];
  } catch {
    return []; // It was readable once: it has been moved since.
  }
};

const pictures = async (title: string, all: readonly Picture[]) => {
  const shown: Thumbnail[] = [];
  for (const one of all) shown.push(...(await thumbnailOf(one)));
  return shown.length === 0 ? [] : [{ title, body: thumbnails(title, shown) }];
};

/** The report as HTML. */
export const localisationReport = async (
  results: LocalisationResults,
  shown: { readonly best: readonly Picture[]; readonly worst: readonly Picture[] },
): Promise<string> => {
  const { simplified, full, iouHistogram } = results;
  const bars = iouHistogram.length;
  return page({
    title: 'ILSVRC localisation',
    summary: full[0]
      ? `${full[0].name}: top-5 localisation error ${figure(full[0].top5Error)} % on ${results.images} images.`
      : simplified[0]
        ? `${simplified[0].name}: error of the box of the true class ${figure(simplified[0].error)} % on ${results.images} images.`
        : `Predictions for ${results.images} images whose labels are not public.`,
    sections: [
      ...(simplified.length > 0
        ? [
            {
              title: 'Simplified testing',
              body: table({
                caption:
                  'The box of the true class from the central crop, and trivial answers: percent, with 95 % intervals',
                rows: simplified,
                columns: [
                  { title: 'Net or answer', value: ({ name }) => name },
                  { title: 'Error', value: ({ error }) => figure(error), sortBy: ({ error }) => error.value },
                  {
                    title: 'Mean IoU',
                    value: ({ meanIou }) => figure(meanIou),
                    sortBy: ({ meanIou }) => meanIou.value,
                  },
                ],
              }),
            },
          ]
        : []),
      ...(full.length > 0
        ? [
            {
              title: 'Full testing',
              body: table({
                caption:
                  'Five classes with a box each, from windows over the whole image: percent, with 95 % intervals',
                rows: full,
                columns: [
                  { title: 'Nets and scales', value: ({ name }) => name },
                  {
                    title: 'Top-5 error',
                    value: ({ top5Error }) => figure(top5Error),
                    sortBy: ({ top5Error }) => top5Error.value,
                  },
                  {
                    title: 'Top-1 error',
                    value: ({ top1Error }) => figure(top1Error),
                    sortBy: ({ top1Error }) => top1Error.value,
                  },
                  { title: 'Top-5, classes only', value: (r) => r.classTop5Error, digits: 1 },
                  { title: 'Top-1, classes only', value: (r) => r.classTop1Error, digits: 1 },
                  {
                    title: 'Error given the class',
                    value: (r) => figure(r.errorGivenClass),
                    sortBy: (r) => r.errorGivenClass.value,
                  },
                  {
                    title: 'Mean IoU',
                    value: ({ meanIou }) => figure(meanIou),
                    sortBy: ({ meanIou }) => meanIou.value,
                  },
                ],
              }),
            },
          ]
        : []),
      ...([8, 9, 10] as const).map((number) => published(results, number)),
      ...(iouHistogram.some((count) => count > 0)
        ? [
            {
              title: 'Overlap',
              body: await chart({
                title: 'Overlap of the box of the true class',
                description: `Images by IoU from 0 to 1 in ${bars} steps: ${iouHistogram.join(', ')}.`,
                spec: lines(
                  iouHistogram.map((count, i) => ({ x: (i + 0.5) / bars, y: count })),
                  { x: 'IoU', y: 'Images', points: true },
                ),
              }),
            },
          ]
        : []),
      ...(await pictures('Best boxes (true: solid, predicted: dashed)', shown.best)),
      ...(await pictures('Worst boxes (true: solid, predicted: dashed)', shown.worst)),
      {
        title: 'How',
        body: facts({
          Split: results.split,
          'Images with a box': results.images,
          'Images without, left out': results.boxes.without,
          'Boxes clipped to their image': results.boxes.clipped,
          'Could not be read, and count as errors': results.skipped.length,
          Classes: results.classes,
          'Nets of boxes': results.nets
            .map(
              ({ config, sha256, regression, trainedSide, scales }) =>
                `${config} ${sha256.slice(0, 12)}, ${regression}, S ${trainedSide}, Q ${scales.join(', ')}`,
            )
            .join('; '),
          'Nets of classes':
            results.classifiers.map(({ sha256 }) => sha256.slice(0, 12)).join('; ') || undefined,
          'Mirrored too': results.flip ? 'yes' : 'no',
          'Boxes merged up to': results.mergeThreshold,
          'Trained on test images': seenText(results.seen, [
            { test: results.images, seen: results.seen.test },
          ]),
          'A box is right': 'if it overlaps a box of its class by at least half (intersection over union)',
        }),
      },
    ],
  });
};
