// `npm run test:release`: what is too long for every run. `npm test` whole on every supported version of Node, the suite on
// TensorFlow, tests of `*.release.test.ts`, a fuzz run of every reader. Ends with a line for each, and with exit code 1 if any failed.
//
//   node scripts/release.mjs [STEP …]     only these: node-20, node-22, node-24, node-26, tensorflow, install, fuzz
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { majors, nodeBinary } from './node-versions.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

const run = (program, args) => spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status === 0;

const steps = {
  ...Object.fromEntries(
    majors.map((major) => [
      `node-${major}`,
      () => run(nodeBinary(major, join(root, '.cache')), [mocha, 'dist/test/**/*.test.js']),
    ]),
  ),
  tensorflow: () => run(process.execPath, [join(root, 'scripts/tensorflow.mjs')]),
  install: () =>
    run(process.execPath, [
      mocha,
      ...['--no-config', '--require', 'dist/test/hooks.js', 'dist/test/**/*.release.test.js'],
    ]),
  fuzz: () => run(process.execPath, [join(root, 'dist/test/fuzz/main.js'), '--minutes', '5']),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(`Expected ${Object.keys(steps).join(', ')} but received ${unknown.join(', ')}.`);
  process.exit(2);
}
const outcomes = (asked.length > 0 ? asked : Object.keys(steps)).map((name) => {
  console.log(`== ${name}`);
  return { name, ok: steps[name]() };
});
for (const { name, ok } of outcomes) console.log(`${name}: ${ok ? 'passed' : 'failed'}`);
process.exit(outcomes.every(({ ok }) => ok) ? 0 : 1);
