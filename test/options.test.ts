// Tables of options: what they hold, the flags and the docs that come from them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { trainBackbone } from '../src/backbone/training/train-backbone.js';
import { UsageError, render } from '../src/errors.js';
import { addFlags } from '../src/cli/options.js';
import { readRecipe } from '../src/cli/train-recipe.js';
import { commandOptions } from '../src/cli/tables.js';
import { type OptionTable, checkOptions, kebab, kinds, parseOption, withDefaults } from '../src/options.js';
import { root, verydeep, withFolder } from './support.js';

const all = Object.entries<OptionTable>(commandOptions).flatMap(([command, table]) =>
  Object.entries(table).map(([name, definition]) => ({ command, name, definition })),
);

const parsed = (table: OptionTable, ...args: string[]): Record<string, unknown> =>
  addFlags(new Command('test'), table).parse(args, { from: 'user' }).opts();

describe('the tables of options', () => {
  it('have defaults that their own kinds accept', () => {
    for (const { command, name, definition } of all) {
      const { kind, default: usual } = definition;
      assert.ok(usual === undefined || kind.holds(usual), `${command} ${kebab(name)}`);
    }
  });

  it('have names in camelCase, and no former name that is in use', () => {
    for (const [command, table] of Object.entries<OptionTable>(commandOptions)) {
      const former = Object.values(table).flatMap((definition) => definition.formerly ?? []);
      const names = [...Object.keys(table), ...former];
      assert.equal(new Set(names).size, names.length, command);
      for (const name of names) assert.match(name, /^[a-z][A-Za-z]*$/);
    }
  });

  it('say what every option does', () => {
    for (const { command, name, definition } of all) {
      assert.ok(render(definition.help).length > 3, `${command} ${name}`);
    }
  });
});

describe('kinds of values', () => {
  const refused = (kind: { parse(text: string): unknown }, ...texts: string[]): void => {
    for (const text of texts) assert.equal(kind.parse(text), undefined, text);
  };

  it('read whole numbers, numbers within bounds, lists, words and switches', () => {
    assert.equal(kinds.whole().parse(' 12 '), 12);
    refused(kinds.whole(), '0', '1.5', '', ' ', 'ten', 'Infinity', '9007199254740993');
    assert.equal(kinds.number({ from: 0, below: 1 }).parse('0'), 0);
    refused(kinds.number({ from: 0, below: 1 }), '1', '-0.1', 'NaN', '');
    refused(kinds.number({ above: 0 }), '0', '-1', 'Infinity');
    assert.deepEqual(kinds.list(kinds.whole()).parse('256, 384'), [256, 384]);
    refused(kinds.list(kinds.whole()), '256,', '256,x', '');
    assert.equal(kinds.choice(['a', 'b']).parse('b'), 'b');
    refused(kinds.choice(['a', 'b']), 'c', '', 'toString');
    refused(kinds.flag(), 'yes', '1', '');
  });

  it('refuse values of another kind', () => {
    assert.ok(!kinds.whole().holds('3'));
    assert.ok(!kinds.number({ above: 0 }).holds(Number.NaN));
    assert.ok(!kinds.list(kinds.whole()).holds([1, 1.5]));
    assert.ok(!kinds.choice(['a']).holds(['a']));
    assert.ok(!kinds.flag().holds('true'));
  });
});

describe('checkOptions', () => {
  const table = { width: { kind: kinds.number({ above: 0 }), help: 'width', default: 1 } } as const;

  it('names the option in a field, and leaves out what is not given', () => {
    checkOptions(table, {});
    assert.throws(
      () => checkOptions(table, { width: -1 }),
      (error: unknown) =>
        error instanceof UsageError &&
        error.option === 'width' &&
        error.message === 'Expected a number above 0 for width but received -1.',
    );
    assert.throws(() => parseOption('width', table.width, 'wide'), /a number above 0 for width.*"wide"/);
  });

  it('fills in defaults, also for what is undefined', () => {
    assert.deepEqual(withDefaults(table, {}), { width: 1 });
    assert.deepEqual(withDefaults(table, { width: undefined as never }), { width: 1 });
  });

  it('guards the library as it does the command line', () =>
    withFolder((out) =>
      assert.rejects(
        trainBackbone({ classes: [], train: [], validation: [] }, { out, momentum: 1 }),
        (error: unknown) => error instanceof UsageError && error.option === 'momentum',
      ),
    ));
});

describe('flags from a table', () => {
  it('take the name of today and the one of before, which help does not show', () => {
    assert.equal(parsed(commandOptions.train, '--interpolation', 'cubic')['interpolation'], 'cubic');
    assert.equal(parsed(commandOptions.train, '--kernel', 'cubic')['interpolation'], 'cubic');
    assert.equal(parsed(commandOptions.extract, '--normalize', 'none')['descriptorNorm'], 'none');
    assert.throws(
      () => parsed(commandOptions.extract, '--normalize', 'l1'),
      /l2, per-scale, none for .*"l1"/,
    );
    const help = addFlags(new Command('test'), commandOptions.train).helpInformation();
    assert.match(help, /--interpolation/);
    assert.doesNotMatch(help, /--kernel/);
  });

  it('turn off what is on by default, and gather what is repeated', () => {
    assert.equal(parsed(commandOptions.extract)['flip'], true);
    assert.equal(parsed(commandOptions.extract, '--no-flip')['flip'], false);
    const two = parsed(commandOptions.extract, '--backbone', 'a', '--backbone', 'b');
    assert.deepEqual(two['backbone'], ['a', 'b']);
  });

  it("show default and the paper's value in help, and wrong values by their flag", async () => {
    const { stdout } = await verydeep(['train', '--help']);
    assert.match(stdout.replace(/\s+/g, ' '), /--init-std <x> .* \(default: 0\.01; paper: variance 0\.01\)/);
    const { code, stderr } = await verydeep(['train', '--micro-batch', '0']);
    assert.equal(code, 2);
    assert.match(stderr, /Expected auto or a whole number of at least 1 for --micro-batch but received "0"/);
  }).timeout(60_000);
});

describe('recipe files', () => {
  const read = (yaml: string, overrides = {}) =>
    withFolder(async (folder) => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'recipe.yaml'), yaml);
      return readRecipe(join(folder, 'recipe.yaml'), folder, overrides);
    });

  it('name options in kebab-case, those of before too', async () => {
    const [net] = await read(
      'nets:\n  - { name: A, kernel: cubic, flip: false, train-side: 256-512, batch: 64 }\n',
    );
    assert.deepEqual(net!.options, {
      interpolation: 'cubic',
      flip: false,
      trainSide: [256, 512],
      batch: 64,
    });
  });

  it('name an earlier net to start from and one to learn from', async () => {
    const [large, small] = await read('nets:\n  - { name: L }\n  - { name: S, init-from: L, teacher: L }\n');
    assert.deepEqual(large!.options, {});
    const { initFrom, teacher } = small!.options;
    for (const file of [initFrom, teacher]) assert.match(file!, /L[/\\]backbone\.safetensors$/);
    await assert.rejects(
      read('nets:\n  - { name: S, teacher: L }\n'),
      /an earlier net or a file for teacher of S in .*recipe\.yaml but received "L"/,
    );
  });

  it('yield to the command line, in proportion to another input size', async () => {
    const [net] = await read('nets:\n  - { name: A, train-side: 256, batch: 64 }\n', {
      inputSize: 32,
      batch: 8,
    });
    assert.deepEqual(net!.options, { trainSide: [37, 37], batch: 8, inputSize: 32 });
  });

  it('name file, net and key of a wrong value', async () => {
    await assert.rejects(
      read('nets:\n  - { name: A, dropout: 1 }\n'),
      /a number from 0 to below 1 for dropout of the net A in .*recipe\.yaml but received "1"/,
    );
    await assert.rejects(
      read('nets:\n  - { name: A, widht: 1 }\n'),
      /an option \(.*\) for widht of the net A/,
    );
  });
});

describe('the tables in the docs', () => {
  it('are those of the options', async () => {
    await promisify(execFile)(process.execPath, [join(root, 'scripts/docs-options.mjs'), '--check']);
    assert.match(await readFile(join(root, 'docs/training.md'), 'utf8'), /`--weight-decay <x>`/);
  }).timeout(60_000);
});
