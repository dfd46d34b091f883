// The results of a benchmark as documents: results.json with everything, results.csv with the figures.
import { parameterOf } from '../../src/classifiers/classifier.js';
import type { ClassifierName } from '../../src/classifiers/options.js';
import { csvLines } from '../../src/formats/csv.js';
import type { NetIdentity, Recipe } from '../../src/features/recipe/recipe.js';
import { type Stored, toStored } from '../../src/stored.js';
import type { Interval } from '../../src/evaluation/statistics.js';
import { mean, standardDeviation } from '../../src/evaluation/statistics.js';
import type { Skipped } from '../../src/progress.js';
import type { Benchmark, Published } from './benchmark.js';
import type { Duplicate } from './contamination.js';
import type { Descriptors } from './descriptors.js';
import type { Figures, SplitOutcome } from './outcome.js';
import type { SeenResult, SeenTest } from './seen.js';

/** One split in the document. Figures are in percent. */
export interface SplitResult {
  readonly name: string;
  readonly train: number;
  readonly test: number;
  readonly figures: Figures;
  readonly interval?: Interval;
  /** One for all classes, or one a class. */
  readonly C: number | readonly number[];
  /** The figure that C was chosen by, and on which images; missing where C was given. */
  readonly choice?: SplitOutcome['choice'];
  /** That figure for each C tried. */
  readonly curve: readonly { readonly C: number; readonly mean: number }[];
  /** Values of C that were tried beyond the grid, because the best was at its edge. */
  readonly widened: readonly number[];
  /** The worst relative duality gap of the final SVMs. */
  readonly worstGap: number;
  readonly notes: readonly string[];
  readonly perClass: readonly {
    readonly name: string;
    readonly train: number;
    readonly test: number;
    readonly figures: Figures;
  }[];
  readonly duplicates: readonly Duplicate[];
  /** Test images that the nets have seen; missing where nothing is known of that. */
  readonly seen?: SeenTest;
}

/** A weight file and what it is. */
export interface BackboneResult {
  readonly path?: string;
  readonly sha256: string;
  readonly config: string;
  /** For other nets than the paper's: imported descriptors, or a net in ONNX. */
  readonly kind?: NetIdentity['kind'];
  /** Where the weight file is at hand: what sets it apart from the paper's net of that name. */
  readonly width?: number;
  readonly blocks?: number;
  readonly inputSize?: number;
}

/** How the run was made: what differs between two runs that give the same figures. */
export interface RunRecord {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly seconds: Readonly<Record<string, number>>;
}

/** The document of results.json and of `--json`. */
export interface Results {
  readonly benchmark: string;
  readonly title: string;
  readonly protocol: Readonly<Record<string, unknown>>;
  /** Name of the figure in `mean`. */
  readonly metric: string;
  readonly unit: '%';
  /** Mean over the splits, and their sample standard deviation (0 for a single one); null where nothing was scored. */
  readonly mean: number | null;
  readonly std: number | null;
  readonly splits: readonly SplitResult[];
  /** The figures that guessing gives; none where nothing was scored. */
  readonly chance: Figures;
  readonly published: readonly Published[];
  /** The split that published figures are for, where ours are for another. */
  readonly publishedOn?: string;
  /** Whether the nets were trained on test images: how many images they have seen, where that is known. */
  readonly seen: SeenResult;
  /** Notes on this run. */
  readonly remarks: readonly string[];
  readonly notes: readonly string[];
  readonly classes: readonly string[];
  readonly images: number;
  readonly skipped: readonly Skipped[];
  readonly strays: number;
  readonly descriptors: {
    readonly hash: string;
    readonly layer: string;
    readonly columns: number;
    readonly engine: string;
    readonly recipes: readonly Stored<Recipe>[];
  };
  readonly backbones: readonly BackboneResult[];
  readonly svm: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** Files written beside this one, by what they are. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly run: RunRecord;
}

/** A split's outcome as it stands in the document. */
export const splitResult = (
  outcome: SplitOutcome,
  duplicates: readonly Duplicate[],
  seen?: SeenTest,
): SplitResult => {
  const { model, selection, choice } = outcome;
  const same = model.C.every((C) => C === model.C[0]);
  return {
    name: outcome.name,
    train: outcome.train.length,
    test: outcome.test.length,
    figures: outcome.figures,
    ...(outcome.interval ? { interval: outcome.interval } : {}),
    C: same ? (model.C[0] ?? NaN) : model.C,
    ...(choice ? { choice } : {}),
    widened: selection?.widened ?? [],
    curve: selection?.curve.map(({ C, mean: value }) => ({ C, mean: 100 * value })) ?? [],
    worstGap: Math.max(0, ...model.certificates.map(({ gap }) => gap)),
    notes: [...(selection?.notes ?? []), ...model.notes],
    perClass: outcome.perClass,
    duplicates,
    ...(seen ? { seen } : {}),
  };
};

/** That the grid of C was widened, once for all splits; undefined where it was not. */
export const wideningText = (
  splits: readonly Pick<SplitResult, 'name' | 'widened'>[],
): string | undefined => {
  const own = splits.filter(({ widened }) => widened.length > 0);
  if (own.length === 0) return undefined;
  const values = [...new Set(own.flatMap(({ widened }) => widened))].sort((a, b) => a - b);
  const where = own.length === splits.length ? '' : ` (${own.map(({ name }) => name).join(', ')})`;
  return `The best C lay at the edge of the grid${where}, which was widened by ${values.join(', ')}.`;
};

/** How many splits were scored: of several there is a deviation to report. */
export const scoredSplits = ({ splits, metric }: Pick<Results, 'splits' | 'metric'>): number =>
  splits.filter(({ figures }) => figures[metric] !== undefined).length;

/** Mean and deviation of the benchmark's figure over the splits that were scored. */
export const summary = (
  benchmark: Pick<Benchmark, 'metric'>,
  splits: readonly Pick<SplitResult, 'figures'>[],
): { mean: number | null; std: number | null } => {
  const figures = splits.flatMap(({ figures }) => figures[benchmark.metric] ?? []);
  return figures.length === 0
    ? { mean: null, std: null }
    : { mean: mean(figures), std: standardDeviation(figures) };
};

/** What the document says of the descriptors. */
export const describeDescriptors = (descriptors: Descriptors): Results['descriptors'] => ({
  hash: descriptors.hash,
  layer: [...new Set(descriptors.layers)].join(', '),
  columns: descriptors.columns,
  engine: descriptors.engine,
  recipes: descriptors.recipes.map(toStored),
});

/** The name of what was chosen on held-out images. */
export const parameterOfResults = ({ svm }: Pick<Results, 'svm'>): 'C' | 'k' =>
  parameterOf(svm['classifier'] as ClassifierName | undefined);

/** The figures as a table: one row a split and class, and one a split for all classes. */
export const resultsCsv = (results: Pick<Results, 'benchmark' | 'splits' | 'svm'>): string => {
  const rows: (string | number)[][] = [
    ['benchmark', 'split', 'class', 'figure', 'percent', 'train', 'test', parameterOfResults(results)],
  ];
  for (const split of results.splits) {
    const add = (name: string, figures: Figures, train: number, test: number, C: number | string): void => {
      for (const [figure, value] of Object.entries(figures)) {
        rows.push([results.benchmark, split.name, name, figure, value, train, test, C]);
      }
    };
    const shared = typeof split.C === 'number' ? split.C : '';
    add('', split.figures, split.train, split.test, shared);
    split.perClass.forEach(({ name, figures, train, test }, c) =>
      add(name, figures, train, test, typeof split.C === 'number' ? split.C : (split.C[c] ?? '')),
    );
  }
  return csvLines(rows);
};
