// Completion of the command line, typed into zsh and fish. Skipped by name where they are not installed; .ci/run installs them.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { typedLines } from '../completion-lines.js';
import { hasShell, typeInto } from '../shell.js';
import { verydeep, withFolder } from '../support.js';

const setups = {
  zsh: 'bindkey -e; autoload -U compinit; compinit -u -D; source ./script',
  fish: 'source ./script',
} as const;

describe('completion in other shells', () => {
  for (const shell of ['zsh', 'fish'] as const) {
    it(`completes what is typed into ${shell}`, function () {
      if (!hasShell(shell)) {
        assert.ok(!process.env['CI'], `${shell} is not installed`);
        this.skip();
      }
      return withFolder(async (folder) => {
        await mkdir(join(folder, 'my photos'));
        await writeFile(join(folder, 'net.safetensors'), '');
        await writeFile(join(folder, 'script'), (await verydeep(['completion', shell])).stdout);
        const keys = typedLines.map(([line]) => line);
        // Zsh writes --option=value, and leaves the slash behind a folder out when the line ends there.
        const plain = (words: readonly string[]) =>
          words.flatMap((word) => word.replace(/\/$/, '').split('='));
        assert.deepEqual(
          (await typeInto(shell, setups[shell], keys, folder)).map(plain),
          typedLines.map(([, words]) => plain(words)),
        );
      });
    });
  }
});
