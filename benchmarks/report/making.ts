// How a result was made: descriptors, weights, what was left out, command, versions, times.
import { type Recipe, describeRecipe } from '../../src/features/recipe/recipe.js';
import { fromStored } from '../../src/stored.js';
import { code, facts } from '../../src/evaluation/report/facts.js';
import type { Content } from '../../src/evaluation/report/html.js';
import { html } from '../../src/evaluation/report/html.js';
import { table } from '../../src/evaluation/report/table.js';
import type { OfficialRun } from '../protocol/benchmark.js';
import { type Results, parameterOfResults } from '../protocol/results.js';
import { seenText } from '../protocol/seen.js';

const listed = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');

/** Recipe and weights. */
export const descriptorSection = ({ descriptors, backbones }: Results): Content => [
  descriptors.recipes.map((recipe) => code(describeRecipe(fromStored<Recipe>(recipe)))),
  facts({
    'Recipe hash': descriptors.hash,
    'Numbers a descriptor': descriptors.columns,
    Engine: descriptors.engine,
  }),
  table({
    caption: 'Weights',
    columns: [
      { title: 'Net', value: ({ config, kind }) => (kind === undefined ? config : `${config} (${kind})`) },
      { title: 'SHA-256', value: ({ sha256 }) => html`<code>${sha256}</code>` },
      {
        title: 'File',
        value: ({ path, kind }) =>
          path ?? (kind === 'imported' ? 'the file of descriptors' : 'known by its checksum'),
      },
    ],
    rows: backbones,
    sortable: false,
  }),
];

const MOST_LISTED = 50;

/** Skipped images, ignored files, identical images on both sides of a split. */
export const checkSection = ({ images, skipped, strays, splits, seen }: Results): Content => {
  const duplicates = splits.flatMap(({ name, duplicates: own }) =>
    own.map((pair) => ({ ...pair, split: name })),
  );
  return [
    html`<p>
      ${images} images; ${skipped.length} skipped; ${strays} other files passed over. No image of a test set
      is in its training set. ${duplicates.length} test images are byte for byte the same as a training image.
    </p>`,
    html`<p>${seenText(seen, splits)}</p>`,
    duplicates.length === 0
      ? undefined
      : table({
          caption: 'Identical images in training and test',
          columns: [
            { title: 'Test image', value: ({ test }) => test },
            { title: 'Training image', value: ({ train }) => train },
            { title: 'Same labels', value: ({ sameLabels }) => (sameLabels ? 'yes' : 'no') },
            { title: 'Split', value: ({ split }) => split },
          ],
          rows: duplicates.slice(0, MOST_LISTED),
        }),
    skipped.length === 0
      ? undefined
      : table({
          caption: 'Skipped images',
          columns: [
            { title: 'Image', value: ({ path }) => path },
            { title: 'Reason', value: ({ reason }) => reason },
          ],
          rows: skipped.slice(0, MOST_LISTED),
        }),
  ];
};

interface Protocol {
  readonly kind?: string;
  readonly runs?: readonly OfficialRun[];
  readonly missing?: readonly string[];
}

const runText = (parameter: string, { train, test, choose, scored }: OfficialRun): string =>
  `${train} → ${test}${scored ? '' : ' (result files)'}, ${parameter} by ${
    'validate' in choose ? `testing on ${choose.validate}` : `${100 * choose.share} % of ${train} held out`
  }`;

/** The protocol in words: its runs one by one, and then its other numbers. */
const protocolText = (protocol: Results['protocol'], parameter: string): string => {
  const { kind, runs, missing = [], ...others } = protocol as Protocol;
  const { folds } = others as { folds?: number };
  const byFolds = (run: OfficialRun): string =>
    `${run.train} → ${run.test}, ${parameter} of each class by ${folds} folds`;
  return [
    kind,
    ...(runs ?? []).map(folds === undefined ? (run: OfficialRun) => runText(parameter, run) : byFolds),
    listed(others),
    ...(missing.length > 0 ? [`not on disk: ${missing.join(', ')}`] : []),
  ]
    .filter((part) => part)
    .join('; ');
};

/** Command, machine, versions, seeds, times. */
export const makingSection = ({ run, seed, protocol, svm }: Results): Content => [
  code(run.command),
  facts({
    Date: run.date,
    Machine: run.machine,
    Seed: seed,
    Protocol: protocolText(protocol, parameterOfResults({ svm })),
    'Support vector machines': listed(svm),
    Versions: listed(run.versions),
    Seconds: Object.entries(run.seconds)
      .map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)}`)
      .join(', '),
  }),
];
