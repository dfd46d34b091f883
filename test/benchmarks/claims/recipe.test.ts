// The recipe of the claims: the package's own is whole, and mistakes in another are named.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { readFile } from 'node:fs/promises';
import { readClaims } from '../../../benchmarks/claims/recipe.js';
import { planOf } from '../../../benchmarks/claims/unit.js';
import { netChoices } from '../../../src/cli/train-recipe.js';
import { commandOptions } from '../../../src/cli/tables.js';
import { kebab } from '../../../src/options.js';
import { root, withFolder } from '../../support.js';

const file = join(root, 'recipes', 'claims.yaml');

type Document = Record<string, Record<string, Record<string, unknown>>>;

/** Reads the package's recipe after a change. */
const changed = (change: (document: Document) => void) =>
  withFolder(async (folder) => {
    const document = parse(await readFile(file, 'utf8')) as Document;
    change(document);
    const path = join(folder, 'claims.yaml');
    await writeFile(path, stringify(document));
    return readClaims(path);
  });

describe('recipe of the claims', () => {
  it('gives options that the commands have', async () => {
    const { net, units, tests } = await readClaims(file);
    const training = new Set(Object.keys(netChoices).map(kebab)).add('init-from');
    for (const name of [net, ...units.map(({ train = {} }) => train)].flatMap(Object.keys))
      assert.ok(training.has(name), `train --${name}`);
    const evaluation = new Set(Object.keys(commandOptions.evaluate).map(kebab));
    for (const name of tests.flatMap(({ options }) => Object.keys(options)))
      assert.ok(evaluation.has(name), `evaluate --${name}`);
    // Every test is used, and every unit is part of a claim or has a net that is.
    assert.deepEqual(
      tests.map(({ name }) => name).filter((name) => !units.some((unit) => unit.tests.includes(name))),
      [],
    );
  });

  const mistakes: readonly (readonly [string, (document: Document) => void, RegExp])[] = [
    [
      'an unknown entry of a unit',
      ({ units }) => (units!['A']!['tets'] = ['one']),
      /only seeds, train.*the unit A.*tets/s,
    ],
    [
      'a test that is not there',
      ({ units }) => (units!['A']!['tests'] = ['two']),
      /tests of the unit A.*two/s,
    ],
    [
      'a net of a later unit',
      ({ units }) => (units!['D-and-E']!['nets'] = ['D', 'D-tuned']),
      /nets of the unit D-and-E.*D-tuned/s,
    ],
    [
      'neither net nor pixels',
      ({ units }) => delete units!['A']!['train'],
      /one of train, nets and pixels.*the unit A/s,
    ],
    ['both', ({ units }) => (units!['A']!['pixels'] = 8), /one of train, nets and pixels.*the unit A/s],
    ['no pixels', ({ units }) => (units!['pixels']!['pixels'] = 0), /at least 1.*pixels of the unit pixels/s],
    [
      'a seed that is none',
      ({ units }) => (units!['A']!['seeds'] = [1.5]),
      /whole numbers.*seeds of the unit A/s,
    ],
    [
      'another benchmark',
      ({ tests }) => (tests!['one']!['benchmark'] = 'voc2007'),
      /one of ilsvrc2012.*the test one.*voc2007/s,
    ],
    ['a list for an option', ({ tests }) => (tests!['one']!['scales'] = [37]), /scales in the test one/],
    [
      'a claim about a test that the unit lacks',
      ({ claims }) => (claims![0]!['better'] = 'A/several'),
      /better of the claim.*several/s,
    ],
    ['a claim without its section', ({ claims }) => delete claims![0]!['section'], /section of the claim/],
    [
      'a split of nothing',
      ({ split }) => ((split as Record<string, unknown>)['test'] = 0),
      /at least 1.*test of split/s,
    ],
  ];
  for (const [name, change, message] of mistakes) {
    it(`names ${name}, and the file`, async () => {
      await assert.rejects(
        changed(change),
        (error: Error) => message.test(error.message) && error.message.includes('claims.yaml'),
      );
    });
  }

  it('tells plans apart by all that decides them', async () => {
    const own = await readClaims(file);
    const plan = (recipe: typeof own, name: string, seed = 1) =>
      planOf(
        recipe,
        recipe.units.find((unit) => unit.name === name)!,
        seed,
      );
    const fewer = await changed(({ net }) => ((net as Record<string, unknown>)['epochs'] = 1));
    assert.notEqual(plan(own, 'A'), plan(fewer, 'A'));
    assert.notEqual(plan(own, 'A'), plan(own, 'A', 2));
    const wider = await changed(({ units }) => (units!['A']!['train'] = { config: 'A', width: 0.5 }));
    assert.equal(plan(own, 'B'), plan(wider, 'B'));
    assert.notEqual(plan(own, 'D-from-A'), plan(wider, 'D-from-A'), 'the net that it starts from is another');
    const crops = await changed(({ tests }) => (tests!['middle']!['scales'] = '50'));
    assert.equal(plan(own, 'A'), plan(crops, 'A'), 'a test of others changes nothing');
  });
});
