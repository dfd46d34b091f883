// Options of the benchmark ilsvrc2012-localisation.
import { type OptionTable, kinds } from '../../src/options.js';

/** The data sets that have boxes. */
const datasets = ['imagenet', 'tiny-imagenet', 'voc2007', 'voc2012', 'csv', 'folder'] as const;

export const localisationOptions = {
  dataset: {
    kind: kinds.choice(datasets),
    help: 'ilsvrc2012-localisation: kind of data set',
    default: 'imagenet',
    paper: 'imagenet',
  },
  classNet: {
    kind: kinds.repeated(kinds.file()),
    help: 'ilsvrc2012-localisation: net of classes that rates the boxes (.safetensors); scores of several are averaged',
  },
  boxTesting: {
    kind: kinds.choice(['simplified', 'full', 'both'], 'how'),
    help: 'ilsvrc2012-localisation: the box of the true class from the central crop, five guesses from the whole image, or both',
    default: 'both',
    paper: 'both',
  },
  mergeThreshold: {
    kind: kinds.number({ from: 0 }),
    help: 'ilsvrc2012-localisation: boxes of a class are merged up to this match score (distance of centres over the common diagonal, plus 1 - IoU)',
    default: 0.5,
  },
} as const satisfies OptionTable;
