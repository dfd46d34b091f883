// The report of a training run: curves of loss, errors and learning rate, and the figures of every epoch, in
// one HTML file.
import { chart } from '../../evaluation/report/chart.js';
import { type Point, lines } from '../../evaluation/report/charts.js';
import { facts } from '../../evaluation/report/facts.js';
import type { Html } from '../../evaluation/report/html.js';
import { page } from '../../evaluation/report/page.js';
import { table } from '../../evaluation/report/table.js';
import { parameterCount } from '../nets/architecture.js';
import type { BoxOutputs } from '../nets/box-parameters.js';
import { figuresOf } from './objective.js';
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

const boxesText = ({ regression, mean, std }: BoxOutputs): string =>
  `${regression === 'scr' ? 'one for all classes' : 'one for each class'}; centre and size relative to the crop, less ${mean.map((x) => x.toFixed(3)).join(', ')}, over ${std.map((x) => x.toFixed(3)).join(', ')}`;

/** Renders the report as HTML. */
export const trainingReport = async (
  settings: TrainingSettings,
  history: readonly EpochRecord[],
): Promise<string> => {
  const { net, trainSide } = settings;
  const last = history.at(-1);
  const figures = figuresOf(settings);
  const both = figures.flatMap(({ key, name }) => [
    [`${name}, training`, (r: EpochRecord) => r[`train${key}`]] as const,
    [`${name}, validation`, (r: EpochRecord) => r[`validation${key}`]] as const,
  ]);
  const side = trainSide[0] === trainSide[1] ? `${trainSide[0]}` : trainSide.join(' to ');
  return page({
    title: `Training net ${net.config}`,
    summary: last
      ? `${history.length} epochs, ${last.step} steps: loss ${last.loss.toFixed(3)}, ${figures[0]!.name} ${percent(last[`validation${figures[0]!.key}`])} on the validation images.`
      : 'The untrained net.',
    sections: [
      ...(last
        ? [
            {
              title: 'Loss',
              body: await curve(
                history,
                'Training loss',
                settings.boxes ? 'Euclidean loss' : 'Cross-entropy',
                { loss: (r) => r.loss },
              ),
            },
            {
              title: settings.boxes ? 'Boxes' : 'Errors',
              body: await curve(
                history,
                settings.boxes ? 'Boxes' : 'Errors',
                settings.boxes ? '%' : 'Error, %',
                Object.fromEntries(both),
              ),
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
                  ...both.map(([name, value]) => ({
                    title: `${name[0]!.toUpperCase()}${name.slice(1)}`,
                    value: (r: EpochRecord) => value(r) ?? '–',
                    digits: 2,
                  })),
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
          'Top-1 error by chance': settings.boxes
            ? undefined
            : percent(100 - 100 / Math.max(1, settings.classes.length)),
          Boxes: settings.boxes && boxesText(settings.boxes),
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
