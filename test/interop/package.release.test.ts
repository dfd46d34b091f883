// Ways of installing that take minutes each: in `npm run test:release`.
import assert from 'node:assert/strict';
import { withFolder } from '../support.js';
import { join } from 'node:path';
import { type Doctor, checkReports, makePhotos, packInto, quick } from './installed.js';
import { copyAsCloned, npmProgram, runner, strictRunner, withRegistryOnly } from './npm.js';

describe('the package, installed in other ways', function () {
  this.timeout(1_200_000);

  it('installed without a flag by npm 11, where only the registry is reached, says what to run, and that is enough', () =>
    withFolder((folder) =>
      withRegistryOnly(async (network, refused) => {
        const { tarball } = await packInto(folder);
        const [run, strict] = [runner(folder, network), strictRunner(folder, network)];
        const npm = (...args: string[]) => strict('node', npmProgram(11), ...args, ...quick);
        await npm('install', `./${tarball}`);
        await makePhotos(join(folder, 'photos'));
        const fix = `run "npm install --ignore-scripts --include=optional" in ${folder}`;
        if (refused.includes('api.nuget.org')) {
          const doctor = await run('npx', 'verydeep', 'doctor', '--json');
          assert.equal((JSON.parse(doctor.stdout) as Doctor).engines[0]!.fix, fix);
          const first = await run('npx', 'verydeep', 'train', 'folder', '--data', 'photos', '--out', 'x');
          assert.match(first.stderr, /onnxruntime-node is not installed/);
          assert.ok(first.stderr.includes(fix), first.stderr);
          assert.equal(first.code, 1);
        }
        await npm('install', '--ignore-scripts', '--include=optional');
        await checkReports(folder, strict);
        // Node 20 is given an older version of Vega-Lite than Node 22 and later: the newest, too.
        await npm('install', '--ignore-scripts', 'vega-lite@latest');
        await checkReports(folder, strict, 'newest');
      }),
    ));

  it('is installed by `npm ci` in a clone with npm 10, where only the registry is reached, and npm 11 knows all of its settings', () =>
    withFolder((folder) =>
      withRegistryOnly(async (network, refused) => {
        await copyAsCloned(folder);
        const run = strictRunner(folder, network);
        const { stderr } = await runner(folder, network)('node', npmProgram(11), 'config', 'list');
        assert.doesNotMatch(stderr, /Unknown project config/);
        await run('node', npmProgram(10), 'ci', ...quick);
        // The optional package for training on GPUs is left out where its library cannot be fetched.
        assert.deepEqual(
          refused.filter((host) => host !== 'storage.googleapis.com'),
          [],
        );
        const doctor = JSON.parse(await run('npx', 'verydeep', 'doctor', '--json')) as Doctor;
        assert.ok(doctor.chosen !== null, JSON.stringify(doctor));
      }),
    ));
});
