// Completion of the command line in bash; in zsh and fish, see test/interop/completion.test.ts.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandOptions } from '../../src/cli/tables.js';
import { type OptionTable, kebab } from '../../src/options.js';
import { typedLines } from '../completion-lines.js';
import { typeInto } from '../shell.js';
import { verydeep, withFolder } from '../support.js';

/** What bash offers at the end of a line; undefined where it is left to complete names of files. */
const offersOf = (script: string) => (line: string) => {
  const program = `compopt() { FILES=no; }
FILES=yes
source /dev/stdin <<'EOF'
${script}
EOF
COMP_WORDS=(${line.replace(/ $/, " ''").replaceAll('=', " '=' ")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_verydeep; printf '%s\\n' "$FILES" "\${COMPREPLY[@]}"`;
  const offers = execFileSync('bash', ['-c', program], { encoding: 'utf8' }).trim().split('\n');
  return offers[0] === 'no' ? offers.slice(1).filter(Boolean) : undefined;
};

describe('verydeep completion', () => {
  it('gives bash the commands, all options of each, their choices, and names of files after paths', async () => {
    const { stdout, code } = await verydeep(['completion', 'bash']);
    assert.equal(code, 0);
    const checked = spawnSync('shellcheck', ['--shell', 'bash', '-'], { input: stdout, encoding: 'utf8' });
    assert.ok(checked.error ? !process.env['CI'] : checked.status === 0, checked.stdout); // .ci/run installs it.
    const offers = offersOf(stdout);
    const commands = [...new Set(Object.keys(commandOptions).map((name) => name.split(' ')[0]!))];
    assert.deepEqual(offers('verydeep ')!.sort(), [...commands, 'completion', 'help'].sort());
    assert.deepEqual(offers('verydeep w'), ['weights']);
    for (const group of ['features', 'weights', 'datasets']) {
      const inner = Object.keys(commandOptions).filter((name) => name.startsWith(`${group} `));
      const names = inner.map((name) => name.split(' ')[1]!);
      assert.deepEqual(offers(`verydeep ${group} `)!.sort(), [...names, 'help'].sort());
    }
    for (const [command, table] of Object.entries(commandOptions)) {
      const given = new Set(offers(`verydeep ${command} -`));
      for (const [name, { default: usual }] of Object.entries(table as OptionTable)) {
        const flag = `--${usual === true ? 'no-' : ''}${kebab(name)}`;
        assert.ok(given.has(flag), `${command} ${flag}`);
      }
      assert.ok(given.has('--help'));
    }
    assert.deepEqual(offers('verydeep extract folder --precision '), ['fp32', 'int8']);
    assert.deepEqual(offers('verydeep extract folder --precision=i'), ['int8']);
    assert.deepEqual(offers('verydeep extract folder --precision='), ['fp32', 'int8']);
    assert.deepEqual(offers('verydeep extract cal'), ['caltech101', 'caltech256']);
    assert.ok(offers('verydeep extract folder ')!.includes('--data'));
    assert.deepEqual(offers('verydeep extract folder --threads '), []);
    for (const line of [
      'extract folder --data ',
      'weights info ',
      'predict --model m x.j',
      'features info a ',
    ])
      assert.equal(offers(`verydeep ${line}`), undefined, line);
  });

  it('completes what is typed into bash', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'my photos'));
      await writeFile(join(folder, 'net.safetensors'), '');
      await writeFile(join(folder, 'script'), (await verydeep(['completion', 'bash'])).stdout);
      const typed = await typeInto(
        'bash',
        'source ./script',
        typedLines.map(([keys]) => keys),
        folder,
      );
      assert.deepEqual(
        typed,
        typedLines.map(([, words]) => words),
      );
    }));

  it('names the shells it knows', async () => {
    const { code, stderr } = await verydeep(['completion', 'csh']);
    assert.equal(code, 2);
    assert.match(stderr, /Expected one of bash, zsh, fish for the shell but received "csh"/);
  });
});
