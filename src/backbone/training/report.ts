// The report of a training run: curves of loss, errors and learning rate, and the figures of every epoch, in
// one HTML file.
import { chart } from '../../evaluation/report/chart.js';
import { type Point, lines } from '../../evaluation/report/charts.js';
import { facts } from '../../evaluation/report/facts.js';
import type { Html } from '../../evaluation/report/html.js';
import { page } from '../../evaluation/report/page.js';
import { table } from '../../evaluation/report/table.js';
import { parameterCount } from '../nets/architecture.js';
import type { EpochRecord } from './outcome.js';
import type { TrainingSettings } from './settings.js';

const percent = (value: number | undefined): string =>
  value === undefined ? 'not measured' : `${value.toFixed(2)} %`;

const curve = (
  history: readonly EpochRecord[],
  title: string,
  y: string,
  series: Readonly<Record<string, (record: EpochRecord) => number | undefined>>,
): Promise<Html> => {
  const points = Object.entries(series).flatMap(([name, value]) =>
    history.flatMap((record): Point[] => {
      const figure = value(record);
      return figure === undefined ? [] : [{ x: record.epoch, y: figure, series: name }];
    }),
  );
  const ends = Object.entries(series)
    .map(
      ([name, value]) =>
        `${name} from ${value(history[0]!)?.toPrecision(3) ?? '–'} to ${value(history.at(-1)!)?.toPrecision(3) ?? '–'}`,
    )
    .join('; ');
  return chart({
    title,
    description: `${title} over ${history.length} epochs: ${ends}.`,
    spec: lines(points, { x: 'Epoch', y, points: history.length < 30 }),
  });
};

/** Renders the report as HTML. */
export const trainingReport = async (
  settings: TrainingSettings,
  history: readonly EpochRecord[],
): Promise<string> => {
  const { net, trainSide } = settings;
  const last = history.at(-1);
  const side = trainSide[0] === trainSide[1] ? `${trainSide[0]}` : trainSide.join(' to ');
  return page({
    title: `Training net ${net.config}`,
    summary: last
      ? `${history.length} epochs, ${last.step} steps: loss ${last.loss.toFixed(3)}, top-1 error ${percent(last.validationTop1Error)} on the validation images.`
      : 'The untrained net.',
    sections: [
      ...(last
        ? [
            {
              title: 'Loss',
              body: await curve(history, 'Training loss', 'Cross-entropy', { loss: (r) => r.loss }),
            },
            {
              title: 'Errors',
              body: await curve(history, 'Errors', 'Error, %', {
                'top-1, training': (r) => r.trainTop1Error,
                'top-5, training': (r) => r.trainTop5Error,
                'top-1, validation': (r) => r.validationTop1Error,
                'top-5, validation': (r) => r.validationTop5Error,
              }),
            },
            {
              title: 'Learning rate',
              body: await curve(history, 'Learning rate', 'Rate', { rate: (r) => r.learningRate }),
            },
            {
              title: 'Epochs',
              body: table({
                caption:
                  'Errors in percent: on training images of augmented crops with dropout, on validation images of one centred crop. Waiting: the share of the time in which the net waited for images.',
                rows: history,
                columns: [
                  { title: 'Epoch', value: (r) => r.epoch },
                  { title: 'Steps', value: (r) => r.step },
                  { title: 'Rate', value: (r) => r.learningRate.toPrecision(3), numeric: true },
                  { title: 'Loss', value: (r) => r.loss, digits: 4 },
                  { title: 'Top-1, training', value: (r) => r.trainTop1Error, digits: 2 },
                  { title: 'Top-1, validation', value: (r) => r.validationTop1Error ?? '–', digits: 2 },
                  { title: 'Top-5, validation', value: (r) => r.validationTop5Error ?? '–', digits: 2 },
                  { title: 'Images/s', value: (r) => r.imagesPerSecond, digits: 0 },
                  { title: 'Waiting, %', value: (r) => 100 * r.waiting, digits: 1 },
                ],
              }),
            },
          ]
        : []),
      {
        title: 'Recipe',
        body: facts({
          Net: `${net.config}, width ${net.width}, ${net.blocks} blocks, input ${net.inputSize}, fully-connected ${net.fullyConnected}${net.batchNorm ? ', batch normalisation' : ''}`,
          Parameters: parameterCount(net),
          Classes: settings.classes.length,
          'Top-1 error by chance': percent(100 - 100 / Math.max(1, settings.classes.length)),
          Superclasses: settings.superclasses.length || undefined,
          Batch: `${settings.batch}${settings.microBatch < settings.batch ? ` in parts of ${settings.microBatch}` : ''}`,
          'Learning rate': `${settings.learningRate}, ${settings.schedule}${settings.warmUp > 0 ? `, warm-up over ${settings.warmUp} epochs` : ''}`,
          'Label smoothing': settings.labelSmoothing || undefined,
          Momentum: settings.momentum,
          'Weight decay': settings.weightDecay,
          'Average of weights': settings.averageWeights > 0 ? `decay ${settings.averageWeights}` : undefined,
          Dropout: settings.dropout,
          'Smallest side S': side,
          Mirrored: settings.flip ? 'yes' : 'no',
          'Colour shift': settings.colourShift || 'none',
          Teacher: settings.taughtBy
            ? `${settings.taughtBy.file}, weight ${settings.teacherWeight}, temperature ${settings.temperature}`
            : undefined,
          'First weights': settings.initialisedFrom?.file ?? settings.init,
          Seed: settings.seed,
        }),
      },
    ],
  });
};
