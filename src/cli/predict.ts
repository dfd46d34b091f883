// `verydeep predict`: predicts classes and scores of new images with saved SVMs.
import { Command } from 'commander';
import type { PassedOver } from '../datasets/walk.js';
import type { Photo, Prediction } from '../predict.js';
import { expected, option, text } from '../errors.js';
import { writeFileAtomically } from '../io/files.js';
import { rowOf } from '../matrix.js';
import { addFlags, given, required } from './options.js';
import { interruptible } from './interruptible.js';
import { note, noteDataset, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { textTable } from './text-table.js';

type Options = FlagsOf<'predict'>;

/** How to get a model. */
const MODEL_ADVICE = text`\`verydeep evaluate folder\` with ${option('saveModels')} writes models/split-1.safetensors in its ${option('out')}.`;

/** Classes by score, highest first. */
const ranked = ({ model, scores }: Prediction, row: number): { name: string; score: number; c: number }[] =>
  [...rowOf(scores, row)]
    .map((score, c) => ({ name: model.classes[c]!, score, c }))
    .sort((a, b) => b.score - a.score);

/** What names a row: the path, and where it is of a box of the image, the box's corners as the user gave them. */
const columnsOf = ({ path, box }: Photo): Record<string, string | number> => ({
  path,
  ...(box && { xmin: box.x + 1, ymin: box.y + 1, xmax: box.x + box.width, ymax: box.y + box.height }),
});

const csvOf = async (prediction: Prediction): Promise<string> => {
  const { csvLines } = await import('../formats/csv.js');
  const lines = prediction.photos.map((photo, row) => [
    ...Object.values(columnsOf(photo)),
    ranked(prediction, row)[0]!.name,
    ...rowOf(prediction.scores, row),
  ]);
  const names = Object.keys(prediction.photos[0] ? columnsOf(prediction.photos[0]) : { path: '' });
  return csvLines([[...names, 'class', ...prediction.model.classes], ...lines]);
};

const show = async (prediction: Prediction, options: Options): Promise<void> => {
  const { photos, model, skipped } = prediction;
  const { probabilities } = await import('../classifiers/platt.js');
  const probable = probabilities(model, prediction.scores);
  if (options.csv !== undefined) await writeFileAtomically(options.csv, await csvOf(prediction));
  if (options.json) {
    sayJson({
      model: options.model,
      classes: model.classes,
      calibrated: probable !== undefined,
      images: photos.map((photo, row) => ({
        ...columnsOf(photo),
        class: ranked(prediction, row)[0]!.name,
        ranking: ranked(prediction, row).map(({ name, score, c }) => ({
          class: name,
          score,
          ...(probable && { probability: rowOf(probable, row)[c]! }),
        })),
        // Also as objects, in the same order, for readers that look up a class.
        scores: new Map(ranked(prediction, row).map(({ name, score }) => [name, score])),
        ...(probable && {
          probabilities: new Map(
            ranked(prediction, row).map(({ name, c }) => [name, rowOf(probable, row)[c]!]),
          ),
        }),
      })),
      skipped,
    });
  } else if (options.csv === undefined) {
    const best = (row: number): string =>
      ranked(prediction, row)
        .slice(0, options.top)
        .map(({ name, score }) =>
          probable
            ? `${name} ${score.toFixed(3)} (${(100 * rowOf(probable, row)[model.classes.indexOf(name)]!).toFixed(0)} %)`
            : `${name} ${score.toFixed(3)}`,
        )
        .join(', ');
    say(
      options,
      textTable(
        [
          'Image',
          `Classes by score (positive: accepted)${probable ? ', calibrated probability' : '; not calibrated'}`,
        ],
        photos.map(({ id }, row) => [id, best(row)]),
      ),
    );
  } else note(options, `Wrote the scores of ${photos.length} images to ${options.csv}`);
  reportSkipped(skipped);
};

const run = async (paths: string[], options: Options): Promise<void> => {
  const { backbone = [], engine, provider, threads, device, gpu, workers } = options;
  const model = required('model', options.model, 'a file of saved SVMs', MODEL_ADVICE);
  if ((paths.length === 0) === (options.boxes === undefined)) {
    throw expected(
      text`images, or a table of boxes with ${option('boxes')}`,
      'predict',
      paths.length === 0 ? 'neither' : 'both',
    );
  }
  const passedOver: PassedOver[] = [];
  const photos: readonly Photo[] =
    options.boxes === undefined
      ? await (
          await import('../datasets/photos.js')
        ).photosIn(paths, 'the argument <image-or-dir...>', (one) => passedOver.push(one))
      : await (await import('../datasets/boxes.js')).readBoxes(options.boxes);
  noteDataset(options, { strays: passedOver });
  const { predictImages } = await import('../predict.js');
  const { onProgress, stop } = options.json ? progressLines(options) : progressBar(options);
  await interruptible(
    async (signal) => {
      const prediction = await predictImages(model, photos, {
        backbones: backbone,
        engine,
        provider,
        threads,
        device,
        ...given({ gpu, workers }),
        onProgress,
        signal,
      });
      stop();
      await show(prediction, options);
    },
    { stop, told: 'Interrupted: no scores were written.' },
  );
};

/** The command. */
export const command = (): Command =>
  addFlags(new Command('predict'), commandOptions.predict)
    .description('predict classes and scores of new images with saved SVMs')
    .argument('[image-or-dir...]', 'images, and folders of images')
    .addHelpText(
      'after',
      `
The images are described with the recipe and the weights that the model was trained with. If weights have
moved, pass them with --backbone; they are recognised by their checksum. A model of voc2012-action describes persons in
boxes: pass a CSV table with --boxes, one row per person, with corners in pixels as in VOC (counted from 1, inclusive).

Examples:
  verydeep evaluate folder --data photos --backbone vgg16.safetensors --save-models --out runs/photos
  verydeep predict --model runs/photos/models/split-1.safetensors new-photos/ one-more.jpg
  verydeep predict --model runs/photos/models/split-1.safetensors --csv scores.csv new-photos/
  verydeep predict --model runs/action/models/test.safetensors --boxes persons.csv`,
    )
    .action(run);
