// The recipe of the claims: nets to train, ways to test them, and which result the paper says is better than which.
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { isRecord } from '../../src/checks.js';
import { UsageError, expected, messageOf } from '../../src/errors.js';

/** Options of a command by their names on the command line; `true` is a flag without a value. */
export type Flags = Readonly<Record<string, string | number | boolean>>;

export const testBenchmarks = ['ilsvrc2012', 'caltech101', 'caltech101-split'] as const;

/** A way to test nets: a benchmark, and options of `verydeep evaluate`. */
export interface TestPlan {
  readonly name: string;
  /** `ilsvrc2012` tests the nets themselves; `caltech101-split` is the first split of Caltech-101 as a table. */
  readonly benchmark: (typeof testBenchmarks)[number];
  readonly options: Flags;
}

/** A net that is trained, or nets of other units, and its tests: what is run at one time. */
export interface UnitPlan {
  readonly name: string;
  /** Seeds of the net: the unit is run once for each, as `name`, `name@2`, … */
  readonly seeds: readonly number[];
  /** Options of `verydeep train`; missing where nets of other units are tested. */
  readonly train?: Flags;
  /** The data set that the net is trained on. */
  readonly on: 'tiny-imagenet' | 'caltech101-split';
  /** Raw pixels of this many to a side instead of a net. */
  readonly pixels?: number;
  /** Units whose nets are tested together; the unit's own net where missing. */
  readonly nets?: readonly string[];
  readonly tests: readonly string[];
}

/** "`better` is better than `than`": each names a unit, a test and, where a test gives several results, which. */
export interface ClaimPlan {
  readonly claim: string;
  readonly section: string;
  /** The paper's own figures. */
  readonly paper: string;
  readonly better: ResultName;
  readonly than: ResultName;
}

/** A result: `unit/test` or `unit/test/way`. */
export interface ResultName {
  readonly unit: string;
  readonly test: string;
  readonly way?: string;
}

/** Images a class of the split of Caltech-101. */
export interface SplitSize {
  readonly train: number;
  readonly test: number;
}

export interface ClaimsRecipe {
  readonly split: SplitSize;
  /** Options of `verydeep train` for every net. */
  readonly net: Flags;
  readonly tests: readonly TestPlan[];
  readonly units: readonly UnitPlan[];
  readonly claims: readonly ClaimPlan[];
}

type Entries = Readonly<Record<string, unknown>>;

const entriesOf = (value: unknown, where: string): Entries => {
  if (isRecord(value)) return value;
  throw expected('names and values', where, value);
};

const flagsOf = (value: unknown, where: string): Flags =>
  Object.fromEntries(
    Object.entries(entriesOf(value, where)).map(([key, own]) => {
      if (typeof own === 'string' || typeof own === 'number' || typeof own === 'boolean') return [key, own];
      throw expected('text, a number, true or false', `${key} in ${where}`, own);
    }),
  );

const textOf = (value: unknown, where: string): string => {
  if (typeof value === 'string' && value !== '') return value;
  throw expected('text', where, value);
};

const listOf = (value: unknown, where: string): readonly unknown[] => {
  if (Array.isArray(value) && value.length > 0) return value;
  throw expected('a list', where, value);
};

const atLeastOne = (value: unknown, where: string): number => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  throw expected('a whole number of at least 1', where, value);
};

const oneOf = <T extends string>(choices: readonly T[], value: unknown, where: string): T => {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw expected(`one of ${choices.join(', ')}`, where, value);
};

/** Refuses names that nothing reads. */
const only = (entries: Entries, known: readonly string[], where: string): void => {
  const other = Object.keys(entries).find((key) => !known.includes(key));
  if (other !== undefined) throw expected(`only ${known.join(', ')}`, where, other);
};

const testOf = ([name, value]: [string, unknown]): TestPlan => {
  const where = `the test ${name}`;
  const { benchmark, ...options } = entriesOf(value, where);
  return {
    name,
    benchmark: oneOf(testBenchmarks, benchmark, `benchmark of ${where}`),
    options: flagsOf(options, where),
  };
};

const unitOf =
  (tests: readonly TestPlan[]) =>
  ([name, value]: [string, unknown], i: number, all: readonly [string, unknown][]): UnitPlan => {
    const where = `the unit ${name}`;
    const entries = entriesOf(value, where);
    only(entries, ['seeds', 'train', 'on', 'pixels', 'nets', 'tests'], where);
    const { seeds = [1], train, on = 'tiny-imagenet', pixels, nets } = entries;
    if ([train, pixels, nets].filter((own) => own !== undefined).length !== 1) {
      throw expected('one of train, nets and pixels', where, Object.keys(entries).join(', '));
    }
    const before = all.slice(0, i).map(([earlier]) => earlier);
    return {
      name,
      seeds: listOf(seeds, `seeds of ${where}`).map((seed) => {
        if (typeof seed === 'number' && Number.isInteger(seed) && seed >= 0) return seed;
        throw expected('whole numbers', `seeds of ${where}`, seed);
      }),
      on: oneOf(['tiny-imagenet', 'caltech101-split'], on, `on of ${where}`),
      ...(train !== undefined && { train: flagsOf(train, `train of ${where}`) }),
      ...(pixels !== undefined && { pixels: atLeastOne(pixels, `pixels of ${where}`) }),
      ...(nets !== undefined && {
        nets: listOf(nets, `nets of ${where}`).map((net) => oneOf(before, net, `nets of ${where}`)),
      }),
      tests: listOf(entries['tests'], `tests of ${where}`).map((test) =>
        oneOf(
          tests.map((own) => own.name),
          test,
          `tests of ${where}`,
        ),
      ),
    };
  };

const claimOf =
  (units: readonly UnitPlan[]) =>
  (value: unknown): ClaimPlan => {
    const entries = entriesOf(value, 'a claim');
    const claim = textOf(entries['claim'], 'claim');
    const where = `the claim "${claim}"`;
    only(entries, ['claim', 'section', 'paper', 'better', 'than'], where);
    const result = (key: 'better' | 'than'): ResultName => {
      const [name, test, way] = textOf(entries[key], `${key} of ${where}`).split('/');
      const unit = units.find((own) => own.name === name);
      if (unit === undefined) throw expected('a unit', `${key} of ${where}`, name);
      return {
        unit: unit.name,
        test: oneOf(unit.tests, test, `${key} of ${where}`),
        ...(way !== undefined && { way }),
      };
    };
    return {
      claim,
      section: textOf(entries['section'], `section of ${where}`),
      paper: textOf(entries['paper'], `paper of ${where}`),
      better: result('better'),
      than: result('than'),
    };
  };

/**
 * Reads the recipe of the claims (YAML: `split`, `net`, `tests`, `units`, `claims`).
 *
 * @throws UsageError naming the file and the entry at fault
 */
export const readClaims = async (file: string): Promise<ClaimsRecipe> => {
  let document: unknown;
  try {
    document = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`Cannot read the claims ${file}: ${messageOf(error)}.`);
  }
  try {
    const entries = entriesOf(document, 'the file');
    only(entries, ['split', 'net', 'tests', 'units', 'claims'], 'the file');
    const tests = Object.entries(entriesOf(entries['tests'], 'tests')).map(testOf);
    const units = Object.entries(entriesOf(entries['units'], 'units')).map(unitOf(tests));
    const claims = listOf(entries['claims'], 'claims').map(claimOf(units));
    const { train, test } = entriesOf(entries['split'], 'split');
    const split = { train: atLeastOne(train, 'train of split'), test: atLeastOne(test, 'test of split') };
    return { split, net: flagsOf(entries['net'], 'net'), tests, units, claims };
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${file}: ${error.message}`);
    throw error;
  }
};
