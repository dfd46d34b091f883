// Writes docs/api from the docstrings of what the package exports (`npm run docs:api`); with --check it only says what is stale.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, TypeDocReader } from 'typedoc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs', 'api');
const isCheck = process.argv.includes('--check');
const out = isCheck ? mkdtempSync(join(tmpdir(), 'verydeep-api-')) : target;

process.chdir(root);
const app = await Application.bootstrapWithPlugins({ options: join(root, 'typedoc.json'), out }, [
  new TypeDocReader(),
]);
const project = await app.convert();
if (!project) throw new Error('The sources do not compile: run `npm run build`.');
await app.generateOutputs(project);

if (isCheck) {
  const pages = (folder) =>
    new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const [fresh, committed] = [pages(out), pages(target)];
  rmSync(out, { recursive: true });
  const names = new Set([...fresh.keys(), ...committed.keys()]);
  const stale = [...names].filter((name) => fresh.get(name) !== committed.get(name));
  for (const name of stale) console.error(`docs/api/${name} is stale: run \`npm run docs:api\`.`);
  process.exitCode = stale.length > 0 ? 1 : 0;
}
