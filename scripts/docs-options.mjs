// `npm run docs:options`: writes the tables of options in docs/ from the options' own table, between the marks
// `<!-- options: train -->` and `<!-- /options -->`. With --check it writes nothing and ends with 1 where one is stale.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { optionsMarkdown } from '../dist/src/cli/options-table.js';
import { commandOptions } from '../dist/src/cli/tables.js';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const marks = /<!-- options: ([a-z ]+) -->[\s\S]*?<!-- \/options -->/g;
const check = process.argv.includes('--check');

const withTables = (text) =>
  text.replace(marks, (_, command) => {
    if (!Object.hasOwn(commandOptions, command)) throw new Error(`No command is called "${command}".`);
    return `<!-- options: ${command} -->\n\n${optionsMarkdown(commandOptions[command])}\n\n<!-- /options -->`;
  });

for (const name of (await readdir(docs)).filter((file) => file.endsWith('.md'))) {
  const path = `${docs}${name}`;
  const before = await readFile(path, 'utf8');
  if (before.search(marks) < 0) continue;
  const after = await format(withTables(before), { ...(await resolveConfig(path)), parser: 'markdown' });
  if (after === before) continue;
  if (check) {
    console.error(`docs/${name} is stale: npm run docs:options`);
    process.exitCode = 1;
  } else await writeFile(path, after);
}
