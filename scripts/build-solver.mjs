// Compiles src/classifiers/solver/assembly (AssemblyScript) to src/classifiers/solver.wasm, which is committed.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const output = process.argv[2] ?? join(root, 'src/classifiers/solver.wasm');

const { error, stdout, stderr, ...rest } = await asc.main(
  [
    join(root, 'src/classifiers/solver/assembly/index.ts'),
    ...[
      '--outFile',
      'solver.wasm',
      '--runtime',
      'stub',
      '--optimizeLevel',
      '3',
      '--shrinkLevel',
      '0',
      '--noAssert',
    ],
    ...['--enable', 'simd', '--enable', 'threads', '--importMemory', '--sharedMemory'],
    ...['--initialMemory', '1', '--maximumMemory', '65536', '--memoryBase', '1024', '--zeroFilledMemory'],
  ],
  { writeFile: (_name, data) => writeFileSync(output, data), listFiles: () => [] },
);
void stdout;
void rest;
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exit(1);
}
