// Compiles the TypeScript of src, benchmarks and test into dist, and copies what the compiler leaves behind.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** Files that are used at run time but are not TypeScript: copied as they are. */
const assets = [
  'src/classifiers/solver.wasm',
  'src/engine/onnxruntime/loops.wasm',
  'src/images/enlarge.wasm',
];

const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.json')], {
  stdio: 'inherit',
});
for (const asset of assets)
  if (existsSync(join(root, asset))) cpSync(join(root, asset), join(root, 'dist', asset));
const command = join(root, 'dist/src/cli/main.js');
if (existsSync(command)) chmodSync(command, 0o755);
process.exit(status ?? 1);
