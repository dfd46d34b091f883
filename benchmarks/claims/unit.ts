// Runs a unit of the claims by `verydeep`'s own commands: trains its net, tests it, and writes its rows.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EpochRecord } from '../../src/backbone/training/outcome.js';
import { VerydeepError } from '../../src/errors.js';
import { recallWithInterval } from '../../src/evaluation/paired.js';
import { typed, verydeep } from '../command.js';
import { machine, versions } from '../protocol/versions.js';
import { writeCaltechSplit, writePixels } from './data.js';
import { type Outcome, outcomeOfPredictions, outcomesOfPosteriors } from './outcome.js';
import type { ClaimsRecipe, Flags, TestPlan, UnitPlan } from './recipe.js';
import { type Row, type UnitRows, packBits, readRows, runName, writeRows, writeTrials } from './rows.js';

/** Where the data sets lie, and where everything is written. */
export interface Places {
  readonly tinyImagenet: string;
  readonly caltech101: string;
  readonly out: string;
}

/** Where a test of a unit writes. */
const testFolder = (unit: string, test: string): string => join(unit, 'tests', test);

const rowsFolder = ({ out }: Places): string => join(out, 'rows');

const DIGITS = 12;

/** Digest of all that decides a unit's rows. */
export const planOf = (recipe: ClaimsRecipe, unit: UnitPlan, seed: number): string => {
  const tests = recipe.tests.filter(({ name }) => unit.tests.includes(name));
  const nets = recipe.units.filter(
    ({ name }) => unit.nets?.includes(name) || unit.train?.['init-from'] === name,
  );
  const before: string[] = nets.map((own) => planOf(recipe, own, seedFor(own, seed)));
  const decisive = { unit, seed, tests, before, net: recipe.net, split: recipe.split };
  return createHash('sha256').update(JSON.stringify(decisive)).digest('hex').slice(0, DIGITS);
};

/** The run of another unit that a run refers to: that of the same seed, else its first. */
const seedFor = ({ seeds }: UnitPlan, seed: number): number => (seeds.includes(seed) ? seed : seeds[0]!);

const argumentsOf = (flags: Flags): string[] =>
  Object.entries(flags).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : value === false ? [] : [`--${name}`, String(value)],
  );

/** The file of a unit's net. @throws VerydeepError if that unit was not run */
const netOf = (recipe: ClaimsRecipe, name: string, seed: number, { out }: Places): string => {
  const unit = recipe.units.find((own) => own.name === name)!;
  const run = runName(unit, seedFor(unit, seed));
  const path = join(out, run, 'net', 'backbone.safetensors');
  if (existsSync(path)) return path;
  throw new VerydeepError(`Expected the net of the unit ${run} in ${path}. Run that unit first.`);
};

const tableOf = (places: Places): string => join(places.out, 'caltech101-split.csv');

/** The command that trains a unit's net; undefined where it has none. */
const trainingCommand = (
  recipe: ClaimsRecipe,
  unit: UnitPlan,
  seed: number,
  places: Places,
): readonly string[] | undefined => {
  if (unit.train === undefined) return undefined;
  const { 'init-from': from, ...flags } = { ...recipe.net, ...unit.train };
  const data =
    unit.on === 'tiny-imagenet'
      ? ['tiny-imagenet', '--data', places.tinyImagenet]
      : ['csv', '--data', tableOf(places), '--validation', '0'];
  return [
    ...['train', ...data, ...argumentsOf(flags)],
    ...(from === undefined ? [] : ['--init-from', netOf(recipe, String(from), seed, places)]),
    ...['--seed', String(seed), '--out', join(places.out, runName(unit, seed), 'net')],
  ];
};

/** The command of a test. */
const testCommand = (
  { name, benchmark, options }: TestPlan,
  sources: readonly string[],
  folder: string,
  places: Places,
): readonly string[] => {
  const data = {
    ilsvrc2012: ['ilsvrc2012', '--data', places.tinyImagenet],
    caltech101: ['caltech101', '--data', places.caltech101],
    'caltech101-split': ['csv', '--data', tableOf(places)],
  }[benchmark];
  return ['evaluate', ...data, ...sources, ...argumentsOf(options), '--out', testFolder(folder, name)];
};

const outcomesOf = async (test: TestPlan, folder: string, places: Places): Promise<Outcome[]> => {
  if (test.benchmark !== 'ilsvrc2012') return outcomeOfPredictions(testFolder(folder, test.name));
  const results = JSON.parse(await readFile(join(testFolder(folder, test.name), 'results.json'), 'utf8')) as {
    files: { posteriors: string[] };
  };
  return outcomesOfPosteriors(places.tinyImagenet, results.files.posteriors);
};

/** The errors of a training run after each epoch. */
const errorsOf = async (folder: string) => {
  const { epochs } = JSON.parse(await readFile(join(folder, 'history.json'), 'utf8')) as {
    epochs: EpochRecord[];
  };
  return epochs.map(({ trainTop1Error: train, validationTop1Error: validation }) => ({
    ...(train !== undefined && { train }),
    ...(validation !== undefined && { validation }),
  }));
};

const rowOf = (test: TestPlan, command: readonly string[], { way, trials, key, right }: Outcome): Row => ({
  test: test.name,
  way,
  command: typed(command),
  ...(({ recall, low, high }) => ({ recall, low, high }))(recallWithInterval(trials, right)),
  key,
  right: packBits(right),
});

/** Whether a unit's rows are there, made by the same plan. */
export const isDone = async (
  recipe: ClaimsRecipe,
  unit: UnitPlan,
  seed: number,
  places: Places,
): Promise<boolean> => {
  const name = runName(unit, seed);
  const plan = planOf(recipe, unit, seed);
  return (await readRows(rowsFolder(places))).some((rows) => rows.unit === name && rows.plan === plan);
};

/** What a unit's tests describe images with: its net, those of other units, or raw pixels. */
const sourcesOf = async (
  recipe: ClaimsRecipe,
  unit: UnitPlan,
  seed: number,
  places: Places,
): Promise<readonly string[]> => {
  const folder = join(places.out, runName(unit, seed));
  if (unit.pixels !== undefined) {
    const [table, store] = [join(folder, 'pixels.csv'), join(folder, 'features')];
    await writePixels(places.caltech101, table, unit.pixels);
    const of = ['--dataset', 'caltech101', '--data', places.caltech101, '--id-column', 'id'];
    await verydeep(
      ...[
        'features',
        'import',
        table,
        ...of,
        '--name',
        'raw pixels',
        '--descriptor-norm',
        'l2',
        '--out',
        store,
        '--force',
      ],
    );
    await rm(table);
    return ['--features', store];
  }
  const nets = unit.nets?.map((name) => netOf(recipe, name, seed, places)) ?? [
    join(folder, 'net', 'backbone.safetensors'),
  ];
  return nets.flatMap((net) => ['--backbone', net]);
};

/**
 * Runs a unit with one seed; one that was interrupted goes on where it stopped.
 *
 * @throws VerydeepError naming the command that failed, or the unit whose net is missing
 */
export const runUnit = async (
  recipe: ClaimsRecipe,
  unit: UnitPlan,
  seed: number,
  places: Places,
): Promise<UnitRows> => {
  const started = performance.now();
  const name = runName(unit, seed);
  const folder = join(places.out, name);
  const tests = recipe.tests.filter((test) => unit.tests.includes(test.name));
  if (unit.on === 'caltech101-split' || tests.some(({ benchmark }) => benchmark === 'caltech101-split'))
    await writeCaltechSplit(places.caltech101, tableOf(places), recipe.split);
  const training = trainingCommand(recipe, unit, seed, places);
  if (training) await verydeep(...training, '--resume');
  const sources = await sourcesOf(recipe, unit, seed, places);
  const rows: Row[] = [];
  for (const test of tests) {
    const command = testCommand(test, sources, folder, places);
    await verydeep(...command, '--resume');
    for (const outcome of await outcomesOf(test, folder, places)) {
      await writeTrials(rowsFolder(places), outcome.key, outcome.trials);
      rows.push(rowOf(test, command, outcome));
    }
  }
  const all: UnitRows = {
    unit: name,
    seed,
    plan: planOf(recipe, unit, seed),
    version: versions()['verydeep']!,
    machine: machine(),
    date: new Date().toISOString(),
    minutes: Number(((performance.now() - started) / 60_000).toFixed(1)),
    ...(training && { training: { command: typed(training), epochs: await errorsOf(join(folder, 'net')) } }),
    rows,
  };
  await writeRows(rowsFolder(places), name, all);
  return all;
};
