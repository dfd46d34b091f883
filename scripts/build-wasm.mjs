// Compiles the AssemblyScript sources to the WebAssembly modules that are committed.
//
//   node scripts/build-wasm.mjs                  all of them
//   node scripts/build-wasm.mjs NAME [OUTPUT]    one, to where it belongs or to OUTPUT
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const simd = ['--enable', 'simd', '--importMemory', '--initialMemory', '1'];

/** The module, the folder of its source, and what it needs beside the options of all. */
const modules = {
  solver: {
    module: 'src/classifiers/solver.wasm',
    source: 'src/classifiers/solver/assembly',
    options: [
      ...[...simd, '--enable', 'threads', '--sharedMemory', '--maximumMemory', '65536'],
      ...['--memoryBase', '1024', '--zeroFilledMemory'],
    ],
  },
  loops: {
    module: 'src/engine/onnxruntime/loops.wasm',
    source: 'src/engine/onnxruntime/loops/assembly',
    options: simd,
  },
  enlarge: { module: 'src/images/enlarge.wasm', source: 'src/images/enlarge/assembly', options: simd },
};

const build = async ({ module, source, options }, output = join(root, module)) => {
  const { error, stderr } = await asc.main(
    [
      ...[join(root, source, 'index.ts'), '--outFile', 'out.wasm', '--runtime', 'stub', '--noAssert'],
      ...['--optimizeLevel', '3', '--shrinkLevel', '0', ...options],
    ],
    { writeFile: (_name, data) => writeFileSync(output, data), listFiles: () => [] },
  );
  if (!error) return;
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exit(1);
};

const [name, output] = process.argv.slice(2);
for (const key of name ? [name] : Object.keys(modules)) {
  if (!modules[key]) {
    process.stderr.write(`Expected ${Object.keys(modules).join(', ')} but received ${key}.\n`);
    process.exit(2);
  }
  await build(modules[key], output);
}
