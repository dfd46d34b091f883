// `npm run claims`: measures the paper's claims in small, unit by unit, and prints the table.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError, expected } from '../../src/errors.js';
import { writeFileAtomically } from '../../src/io/files.js';
import { flagsOf, runProgram } from '../arguments.js';
import { readClaims } from './recipe.js';
import { runName } from './rows.js';
import { judge, markdownOf, rowsIn, unitsOf } from './table.js';
import { isDone, runUnit } from './unit.js';

const help = `Measures the paper's claims on Tiny ImageNet and Caltech-101, with small nets. Each unit trains a net and tests it
in at most 30 minutes on two cores; units whose rows are there are not run again.

  npm run claims -- --data DIR [--out DIR] [--unit NAME ...] [--recipe FILE] [--list] [--table]

  --data DIR     folder that holds tiny-imagenet-200 and caltech101
  --out DIR      folder for nets, rows and the table (default: runs/claims); what lies there is continued
  --unit NAME    run only this unit (repeatable); NAME@SEED for another seed than its first
  --recipe FILE  another recipe than recipes/claims.yaml
  --list         print the units and which are done, and run nothing
  --table        print the table of what is done, and run nothing
`;

const main = async (): Promise<void> => {
  const values = flagsOf({
    options: {
      data: { type: 'string' },
      out: { type: 'string', default: join('runs', 'claims') },
      unit: { type: 'string', multiple: true },
      recipe: { type: 'string' },
      list: { type: 'boolean', default: false },
      table: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const file = values.recipe ?? fileURLToPath(new URL('../../../recipes/claims.yaml', import.meta.url));
  const recipe = await readClaims(file);
  const runs = recipe.units.flatMap((unit) =>
    unit.seeds.map((seed) => ({ unit, seed, name: runName(unit, seed) })),
  );
  const unknown = values.unit?.find((name) => !runs.some((run) => run.name === name));
  if (unknown !== undefined)
    throw expected(
      `a unit of ${file}`,
      '--unit',
      unknown,
      `It has ${runs.map(({ name }) => name).join(', ')}.`,
    );
  const data = values.data;
  if (data === undefined && !values.list && !values.table)
    throw expected('the folder that holds tiny-imagenet-200 and caltech101', '--data', undefined);
  const { out } = values;
  const places = {
    tinyImagenet: join(data ?? '', 'tiny-imagenet-200'),
    caltech101: join(data ?? '', 'caltech101'),
    out,
  };
  if (values.list) {
    for (const { unit, seed, name } of runs)
      process.stdout.write(`${name}: ${(await isDone(recipe, unit, seed, places)) ? 'done' : 'to do'}\n`);
    return;
  }
  if (!values.table) {
    for (const place of [places.tinyImagenet, places.caltech101]) {
      if (!statSync(place, { throwIfNoEntry: false })?.isDirectory())
        throw new UsageError(
          `Expected the folder ${place} (--data) but there is none. docs/claims.md says where the images come from.`,
        );
    }
    for (const { unit, seed, name } of runs) {
      if (values.unit !== undefined && !values.unit.includes(name)) continue;
      if (await isDone(recipe, unit, seed, places)) process.stderr.write(`${name} is done.\n`);
      else await runUnit(recipe, unit, seed, places);
    }
  }
  const judged = await judge(recipe, rowsIn(out));
  if (judged.every(({ measured }) => measured === undefined) && values.table)
    throw new UsageError(`Expected rows of units in ${rowsIn(out)} but there are none. Run a unit first.`);
  const table = `${markdownOf(judged)}\n${await unitsOf(rowsIn(out))}`;
  if (!values.table) await writeFileAtomically(join(out, 'claims.md'), table);
  process.stdout.write(table);
};

await runProgram(main, 'claims');
