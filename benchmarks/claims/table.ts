// The table of claims: for each, both figures, their difference over the same test images, and the verdict.
import { join } from 'node:path';
import { type Comparison, pairedComparison } from '../../src/evaluation/paired.js';
import { mean } from '../../src/evaluation/statistics.js';
import type { ClaimPlan, ClaimsRecipe, ResultName, UnitPlan } from './recipe.js';
import { type Row, type UnitRows, readRows, readTrials, runName, unpackBits } from './rows.js';
import { planOf } from './unit.js';

/** A claim and what was measured; without a comparison it was not run yet. */
export interface Judged {
  readonly claim: ClaimPlan;
  readonly measured?: {
    /** Mean class recalls in percent, averaged over seeds. */
    readonly better: number;
    readonly than: number;
    readonly seeds: number;
    readonly comparison: Comparison;
    readonly commands: readonly [better: string, than: string];
  };
}

/** The first of these rows that a result names. */
const rowFor = (
  recipe: ClaimsRecipe,
  all: readonly UnitRows[],
  { unit: name, test, way = '' }: ResultName,
  seed: number,
): Row | undefined => {
  const unit: UnitPlan = recipe.units.find((own) => own.name === name)!;
  const own = unit.seeds.includes(seed) ? seed : unit.seeds[0]!;
  const plan = planOf(recipe, unit, own);
  return all
    .find((rows) => rows.unit === runName(unit, own) && rows.plan === plan)
    ?.rows.find((row) => row.test === test && row.way === way);
};

/** Judges every claim by the rows in a folder. */
export const judge = async (recipe: ClaimsRecipe, folder: string): Promise<Judged[]> => {
  const all = await readRows(folder);
  const judged: Judged[] = [];
  for (const claim of recipe.claims) {
    const [first, second] = [claim.better, claim.than].map(({ unit }) =>
      recipe.units.find(({ name }) => name === unit),
    );
    // Seeds that both have; where one side has a single seed, its only run stands beside the other's first.
    const shared = first!.seeds.filter((seed) => second!.seeds.includes(seed));
    const pairs = (shared.length > 0 ? shared : [first!.seeds[0]!]).flatMap((seed) => {
      const better = rowFor(recipe, all, claim.better, seed);
      const than = rowFor(recipe, all, claim.than, seed);
      return better && than && better.key === than.key ? [{ better, than }] : [];
    });
    if (pairs.length === 0) {
      judged.push({ claim });
      continue;
    }
    const trials = await readTrials(folder, pairs[0]!.better.key);
    const bits = ({ right }: Row) => unpackBits(right, trials.length);
    const comparison = pairedComparison(
      trials,
      pairs.map(({ better, than }) => ({ better: bits(better), than: bits(than) })),
    );
    judged.push({
      claim,
      measured: {
        better: mean(pairs.map(({ better }) => better.recall)),
        than: mean(pairs.map(({ than }) => than.recall)),
        seeds: pairs.length,
        comparison,
        commands: [pairs[0]!.better.command, pairs[0]!.than.command],
      },
    });
  }
  return judged;
};

const one = (value: number): string => value.toFixed(1);
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;

/** The table in Markdown; percent of the test images (mean class recall). */
export const markdownOf = (judged: readonly Judged[]): string => {
  const lines = judged.map(({ claim, measured }) => {
    const head = `| ${claim.claim} (${claim.section}) | ${claim.paper} |`;
    if (measured === undefined) return `${head} not run yet | | | |`;
    const { better, than, seeds, comparison } = measured;
    const { difference, low, high, verdict } = comparison;
    return `${head} ${one(better)} against ${one(than)} | ${signed(difference)} (${signed(low)} to ${signed(high)}) | ${seeds} | **${verdict}** |`;
  });
  return [
    '| Claim | The paper | Here, % | Difference, 95 % interval | Seeds | Verdict |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
};

/** What the verdicts rest on, one line a unit. */
export const unitsOf = async (folder: string): Promise<string> => {
  const lines = (await readRows(folder)).map(
    ({ unit, rows, minutes, version, machine, date }) =>
      `| ${unit} | ${rows.map(({ test, way, recall, low, high }) => `${[test, way].filter(Boolean).join(', ')} ${one(recall)} (${one(low)} to ${one(high)})`).join('; ')} | ${minutes} | ${version} | ${machine}, ${date.slice(0, 10)} |`,
  );
  return [
    '| Unit | Tests, % | Minutes | Version | Machine |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
};

export const rowsIn = (out: string): string => join(out, 'rows');
