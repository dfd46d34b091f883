// `verydeep predict --boxes NET`: a box with each of the likeliest classes, in JSON, in words, and drawn on copies.
import { basename, extname, join } from 'node:path';
import { Localiser, trainedSide } from '../backbone/boxes/localiser.js';
import { type Backbone, openBackbone } from '../backbone/nets/backbone.js';
import { backboneFiles } from '../backbone/nets/builtin.js';
import type { Box } from '../datasets/dataset.js';
import { useEngine } from '../engine/engine.js';
import { UsageError, expected, option, text } from '../errors.js';
import { loadImage } from '../images/decode.js';
import { drawBoxes } from '../images/draw-boxes.js';
import { ImageError } from '../images/image.js';
import { writeFileAtomically } from '../io/files.js';
import { claimFolder } from '../io/work.js';
import type { Photo } from '../predict.js';
import type { OnProgress, Skipped } from '../progress.js';
import type { FlagsOf } from './tables.js';
import { given } from './options.js';

/** A class of an image and where it is. */
export interface BoxedClass {
  readonly class: string;
  /** Of the nets of classes. */
  readonly probability?: number;
  /** Of an SVM. */
  readonly score?: number;
  readonly box: Box;
}

/** An image with its likeliest classes. */
export interface BoxedPhoto {
  readonly photo: Photo;
  readonly classes: readonly BoxedClass[];
}

/** Classes that are known before, of an image: by SVMs. */
export type KnownClasses = (photo: Photo) => readonly Omit<BoxedClass, 'box'>[] | undefined;

const COLOURS = ['#ff2d55', '#16c60c', '#3b78ff', '#f9a825', '#b146c2'];
/** Boxes are merged as the benchmark does. */
const MERGE_THRESHOLD = 0.5;

/** A name for the copy of an image that no other has. */
const nameFor = (path: string, taken: Set<string>): string => {
  const stem = basename(path, extname(path));
  let name = `${stem}.jpg`;
  for (let i = 2; taken.has(name); i++) name = `${stem}-${i}.jpg`;
  taken.add(name);
  return name;
};

const draw = async (
  image: Awaited<ReturnType<typeof loadImage>>,
  classes: readonly BoxedClass[],
  file: string,
): Promise<void> => {
  const boxes = classes.map(({ class: name, box }, i) => ({
    ...{ box, colour: COLOURS[i % COLOURS.length]!, text: name },
  }));
  // The likeliest is drawn last, on top.
  await writeFileAtomically(
    file,
    await drawBoxes(image, boxes.toReversed()).jpeg({ quality: 90 }).toBuffer(),
  );
};

/** The indices of classes among those of the nets. @throws UsageError naming a class that they do not know */
const indexOf = (localiser: Localiser, name: string): number => {
  const index = localiser.classes.indexOf(name);
  const { path, metadata } = localiser.nets[0]!.backbone;
  if (index >= 0) return index;
  if (metadata.boxes?.regression === 'scr') return 0;
  throw new UsageError(
    text`Expected a net of boxes that knows the class ${name} for ${option('boxes')} but ${path} does not. A net of single-class regression has a box for any class.`,
  );
};

/**
 * Localises photographs: the classes that are known before, or else the likeliest of the nets of classes.
 *
 * @throws UsageError if files are no such nets, or there is no class for a box
 */
export const boxPhotos = async (
  photos: readonly Photo[],
  flags: FlagsOf<'predict'>,
  known: KnownClasses | undefined,
  { onProgress, signal }: { readonly onProgress: OnProgress; readonly signal: AbortSignal },
): Promise<{ boxed: BoxedPhoto[]; skipped: Skipped[] }> => {
  const { classNet = [], drawn, top } = flags;
  const net = await openBackbone(flags.boxes!, option('boxes'));
  if (!net.metadata.boxes) {
    throw expected(
      'a net of boxes',
      option('boxes'),
      `${net.path}, which predicts classes`,
      text`\`verydeep train\` with ${option('task')} localisation trains one.`,
    );
  }
  const classifiers: Backbone[] = [];
  for (const file of await backboneFiles(classNet))
    classifiers.push(await openBackbone(file, option('classNet')));
  if (!known && classifiers.length === 0) {
    throw expected(
      text`SVMs with ${option('model')}, or a net of classes with ${option('classNet')}`,
      'predict',
      'neither',
      'They say which classes an image is of; the net of boxes says where.',
    );
  }
  const engine = await useEngine({
    ...{ engine: flags.engine, device: flags.device },
    ...given({ threads: flags.threads, gpu: flags.gpu }),
  });
  let localiser: Localiser | undefined;
  try {
    localiser = await Localiser.open(engine.tf, [net], classifiers);
    if (drawn !== undefined) {
      const work = { boxes: await net.sha256(), images: photos.map(({ id }) => id).join('\n') };
      await claimFolder(drawn, 'predict', work, { resume: true, force: flags.force }, {});
    }
    const search = { scales: [[trainedSide(net)]], flip: true, mergeThreshold: MERGE_THRESHOLD };
    const boxed: BoxedPhoto[] = [];
    const skipped: Skipped[] = [];
    const taken = new Set<string>();
    for (const [i, photo] of photos.entries()) {
      signal.throwIfAborted();
      try {
        const image = await loadImage(photo.source, photo.path);
        const searched = await localiser.search(image, photo.path, search);
        const own = known?.(photo)?.slice(0, top);
        const classes = own
          ? own.map((each) => ({ ...each, box: searched.boxOf(indexOf(localiser!, each.class)) }))
          : searched.guesses(top).map(({ label, box, probability }) => ({
              ...{ class: localiser!.classes[label]!, probability, box },
            }));
        if (drawn !== undefined) await draw(image, classes, join(drawn, nameFor(photo.path, taken)));
        boxed.push({ photo, classes });
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        skipped.push({ id: photo.id, path: photo.path, reason: error.reason });
      }
      onProgress({ task: 'localise', done: i + 1, total: photos.length, unit: 'images' });
    }
    return { boxed, skipped };
  } finally {
    localiser?.close();
    engine.close();
  }
};
