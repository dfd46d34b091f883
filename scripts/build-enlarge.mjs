// Compiles src/images/enlarge/assembly (AssemblyScript) to src/images/enlarge.wasm, which is committed.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const output = process.argv[2] ?? join(root, 'src/images/enlarge.wasm');

const { error, stderr } = await asc.main(
  [
    join(root, 'src/images/enlarge/assembly/index.ts'),
    ...['--outFile', 'enlarge.wasm', '--runtime', 'stub', '--optimizeLevel', '3', '--shrinkLevel', '0'],
    ...['--noAssert', '--enable', 'simd', '--importMemory', '--initialMemory', '1'],
  ],
  { writeFile: (_name, data) => writeFileSync(output, data), listFiles: () => [] },
);
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exit(1);
}
