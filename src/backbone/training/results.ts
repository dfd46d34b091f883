// The results of a finished training besides checkpoint and log: the history, the report, the backbone's
// metadata.
import { join } from 'node:path';
import { writeFileAtomically } from '../../io/files.js';
import { foldedNet } from '../nets/batch-norm.js';
import type { BackboneMetadata } from '../nets/backbone.js';
import type { TrainingState } from './checkpoint.js';
import type { EpochRecord } from './outcome.js';
import { recipeRecord } from './recipe-record.js';
import type { TrainingSettings } from './settings.js';

/** Writes `history.json`: every epoch's figures. */
export const writeHistory = (out: string, history: readonly EpochRecord[]): Promise<void> =>
  writeFileAtomically(join(out, 'history.json'), `${JSON.stringify({ epochs: history }, null, 2)}\n`);

/** Writes `report.html`: the curves. */
export const writeReport = async (
  out: string,
  settings: TrainingSettings,
  history: readonly EpochRecord[],
): Promise<void> => {
  const { trainingReport } = await import('./report.js'); // Imported on demand: it loads a chart library.
  await writeFileAtomically(join(out, 'report.html'), await trainingReport(settings, history));
};

/** The backbone file's metadata about its training. */
export const metadataOf = (settings: TrainingSettings, state: TrainingState): BackboneMetadata => {
  const { net, classes, superclasses, input, boxes } = settings;
  const last = state.history.at(-1);
  return {
    format: 1,
    architecture: foldedNet(net),
    input,
    classes,
    ...(superclasses.length > 0 && { superclasses }),
    ...(boxes && { boxes }),
    training: {
      ...recipeRecord(settings),
      epochs: state.epoch,
      steps: state.step,
      ...(last?.validationTop1Error !== undefined && { validationTop1Error: last.validationTop1Error }),
      ...(last?.validationBoxError !== undefined && { validationBoxError: last.validationBoxError }),
    },
  };
};
