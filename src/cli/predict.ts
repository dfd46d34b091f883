// `verydeep predict`: predicts classes and scores of new images with saved SVMs.
import { createHash } from 'node:crypto';
import { Command } from 'commander';
import type { Box } from '../datasets/dataset.js';
import type { PassedOver } from '../datasets/walk.js';
import type { Photo, Prediction } from '../predict.js';
import type { Skipped } from '../progress.js';
import type { BoxedClass, KnownClasses } from './predict-boxes.js';
import { isNetOfBoxes } from './box-file.js';
import { expected, option, text } from '../errors.js';
import { MODELS } from '../classifiers/model-file.js';
import { sha256OfFile, writeFileAtomically } from '../io/files.js';
import { requireFile } from '../io/readable.js';
import { type ClaimedFiles, claimFiles } from '../io/work.js';
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

/** One class of one image. */
interface Ranked {
  readonly name: string;
  readonly score: number;
  /** Where the SVMs were calibrated, or the classifier gives it as it is. */
  readonly probability?: number;
}

/** The classes of each image, the likeliest first: by probability where the model was calibrated, else by score. */
const rankedOf = async ({ model, scores }: Prediction): Promise<Ranked[][]> => {
  const { probabilities } = await import('../classifiers/platt.js');
  const likely = probabilities(model, scores);
  return Array.from({ length: scores.rows }, (_, row) =>
    [...rowOf(scores, row)]
      .map((score, c): Ranked => ({
        name: model.classes[c]!,
        score,
        ...(likely && { probability: rowOf(likely, row)[c]! }),
      }))
      .sort((a, b) => (b.probability ?? 0) - (a.probability ?? 0) || b.score - a.score),
  );
};

/** Whether the model gives probabilities. */
const isCalibrated = (ranked: readonly Ranked[][]): boolean => ranked[0]?.[0]?.probability !== undefined;

/** A probability in whole percent; never as certain as 0 % or 100 %. */
const percentOf = (probability: number): string => {
  const percent = Math.round(100 * probability);
  return percent >= 100 ? '> 99 %' : percent <= 0 ? '< 1 %' : `${percent} %`;
};

/** A class in the table. A calibrated one leads with its probability; its score alone accepts or rejects nothing. */
const rankedText = ({ name, score, probability }: Ranked): string =>
  probability === undefined
    ? `${name} ${score.toFixed(3)}`
    : `${name} ${percentOf(probability)} (${score.toFixed(3)})`;

/** What names a row: the path, and where it is of a box of the image, the box's corners as the user gave them. */
const columnsOf = ({ path, box }: Photo): Record<string, string | number> => ({
  path,
  ...(box && { xmin: box.x + 1, ymin: box.y + 1, xmax: box.x + box.width, ymax: box.y + box.height }),
});

const csvOf = async ({ photos, model, scores }: Prediction, ranked: readonly Ranked[][]): Promise<string> => {
  const { csvLines } = await import('../formats/csv.js');
  const lines = photos.map((photo, row) => {
    const [{ name, probability }] = ranked[row] as [Ranked];
    return [
      ...Object.values(columnsOf(photo)),
      name,
      ...(probability === undefined ? [] : [probability]),
      ...rowOf(scores, row),
    ];
  });
  const names = Object.keys(photos[0] ? columnsOf(photos[0]) : { path: '' });
  const columns = [...names, 'class', ...(isCalibrated(ranked) ? ['probability'] : []), ...model.classes];
  return csvLines([columns, ...lines]);
};

const show = async (prediction: Prediction, options: Options): Promise<void> => {
  const { photos, model, skipped } = prediction;
  const ranked = await rankedOf(prediction);
  const calibrated = isCalibrated(ranked);
  if (options.csv !== undefined) await writeFileAtomically(options.csv, await csvOf(prediction, ranked));
  if (options.json) {
    sayJson({
      model: options.model,
      classes: model.classes,
      calibrated,
      images: photos.map((photo, row) => ({
        ...columnsOf(photo),
        class: ranked[row]![0]!.name,
        ranking: ranked[row]!.map(({ name, score, probability }) => ({ class: name, probability, score })),
        // Also as objects, in the same order, for readers that look up a class.
        ...(calibrated && {
          probabilities: new Map(ranked[row]!.map(({ name, probability }) => [name, probability])),
        }),
        scores: new Map(ranked[row]!.map(({ name, score }) => [name, score])),
      })),
      skipped,
    });
  } else if (options.csv === undefined) {
    say(
      options,
      textTable(
        [
          'Image',
          calibrated
            ? 'Classes by probability (score)'
            : 'Classes by score (positive: accepted); not calibrated',
        ],
        photos.map(({ id }, row) => [id, ranked[row]!.slice(0, options.top).map(rankedText).join(', ')]),
      ),
    );
  } else note(options, `Wrote the scores of ${photos.length} images to ${options.csv}`);
  reportSkipped(skipped);
};

/** Takes the file of scores, before any work. */
const claimCsv = async (
  model: string,
  photos: readonly Photo[],
  { csv, force }: Options,
): Promise<ClaimedFiles | undefined> => {
  if (csv === undefined) return undefined;
  requireFile(model, { what: 'model', where: option('model'), inside: MODELS });
  const images = createHash('sha256').update(JSON.stringify(photos.map(({ id, box }) => [id, box])));
  const work = {
    model: { is: await sha256OfFile(model), shown: model },
    'the list of images': { is: images.digest('hex'), shown: `${photos.length} images` },
  };
  return claimFiles([csv], 'predict', work, { force }, option('csv'));
};

/** Corners as in VOC: pixels count from 1, the last ones are inside. */
const cornersOf = ({ x, y, width, height }: Box) => ({
  ...{ xmin: x + 1, ymin: y + 1, xmax: x + width, ymax: y + height },
});

/** Classes with boxes: by SVMs, or by nets of classes. */
const runBoxes = async (paths: string[], options: Options): Promise<void> => {
  if (paths.length === 0) throw expected('images', 'predict', 'none');
  const unused = (['csv', 'backbone'] as const).find((name) => options[name] !== undefined);
  if (unused === 'csv' || (unused !== undefined && options.model === undefined))
    throw expected('no such option with a net of boxes', option(unused), options[unused]);
  const passedOver: PassedOver[] = [];
  const { photosIn } = await import('../datasets/photos.js');
  const photos: readonly Photo[] = await photosIn(paths, 'the argument <image-or-dir...>', (one) =>
    passedOver.push(one),
  );
  noteDataset(options, { strays: passedOver });
  const { boxPhotos } = await import('./predict-boxes.js');
  const { onProgress, stop } = options.json ? progressLines(options) : progressBar(options);
  await interruptible(
    async (signal) => {
      let known: KnownClasses | undefined;
      let unread: readonly Skipped[] = [];
      if (options.model !== undefined) {
        const { predictImages } = await import('../predict.js');
        const prediction = await predictImages(options.model, photos, {
          ...{ backbones: options.backbone ?? [], engine: options.engine, provider: options.provider },
          ...given({ threads: options.threads, gpu: options.gpu, workers: options.workers }),
          ...{ device: options.device, onProgress, signal },
        });
        const ranked = await rankedOf(prediction);
        const byId = new Map(prediction.photos.map(({ id }, row) => [id, ranked[row]!]));
        unread = prediction.skipped;
        known = ({ id }) => byId.get(id)?.map(({ name, ...rest }) => ({ class: name, ...rest }));
      }
      const readable = photos.filter(({ id }) => !unread.some((each) => each.id === id));
      const { boxed, skipped } = await boxPhotos(readable, options, known, { onProgress, signal });
      stop();
      const all = [...unread, ...skipped];
      if (options.json) {
        sayJson({
          boxes: options.boxes,
          images: boxed.map(({ photo, classes }) => ({
            ...{ path: photo.path, class: classes[0]!.class },
            ranking: classes.map(({ box, ...each }) => ({ ...each, ...cornersOf(box) })),
          })),
          skipped: all,
        });
      } else {
        const words = ({ class: name, probability, score, box }: BoxedClass): string => {
          const { xmin, ymin, xmax, ymax } = cornersOf(box);
          const sure = probability === undefined ? score!.toFixed(3) : percentOf(probability);
          return `${name} ${sure} at ${xmin},${ymin} to ${xmax},${ymax}`;
        };
        say(
          options,
          textTable(
            ['Image', 'Classes with boxes (left,top to right,bottom; from 1)'],
            boxed.map(({ photo, classes }) => [photo.id, classes.map(words).join('; ')]),
          ),
        );
      }
      if (options.drawn !== undefined)
        note(options, `Drew the boxes of ${boxed.length} images in ${options.drawn}`);
      reportSkipped(all);
    },
    { stop, told: 'Interrupted: no boxes were printed.' },
  );
};

const run = async (paths: string[], options: Options): Promise<void> => {
  if (isNetOfBoxes(options.boxes)) return runBoxes(paths, options);
  const alone = (['classNet', 'drawn'] as const).find((name) => options[name] !== undefined);
  if (alone !== undefined)
    throw expected(text`a net of boxes with ${option('boxes')}`, option(alone), options.boxes);
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
  const claimed = await claimCsv(model, photos, options);
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
      await claimed?.made();
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
  verydeep predict --model runs/action/models/test.safetensors --boxes persons.csv
  verydeep predict --boxes boxes.safetensors --class-net classes.safetensors --drawn drawn/ photo.jpg`,
    )
    .action(run);
