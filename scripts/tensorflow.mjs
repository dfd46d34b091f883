// `npm run test:tensorflow`: builds tfjs-node's addon from its npm sources against the tensorflow-cpu wheel, once, into
// .cache/tfjs-node (the download of libtensorflow that its installer does is not needed), then runs the tests on it.
//
//   node scripts/tensorflow.mjs build          only builds
//   node scripts/tensorflow.mjs [mocha args]   builds and runs the whole suite, or the test files named, with VERYDEEP_ENGINE=tensorflow
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '4.22.0';
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, '.cache', 'tfjs-node');
const modules = join(folder, 'node_modules', '@tensorflow');
const addon = join(modules, 'tfjs-node');

const fail = (message) => {
  console.error(`test:tensorflow: ${message}`);
  process.exit(1);
};

const run = (program, args, options = {}) => {
  const { status, stdout, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', options.capture ? 'pipe' : 'inherit', 'inherit'],
    ...options,
  });
  if (error || status !== 0)
    fail(`${program} ${args.slice(0, 3).join(' ')} ${error ? error.message : `ended with ${status}`}`);
  return stdout?.trim();
};

/** The folder of TensorFlow's Python package, from VERYDEEP_PYTHON's environment or one made here. */
const findTensorFlow = () => {
  let python = process.env.VERYDEEP_PYTHON;
  if (!python) {
    const environment = join(folder, 'python');
    python = join(environment, 'bin', 'python');
    if (!existsSync(python)) run('python3', ['-m', 'venv', environment]);
    run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', 'tensorflow-cpu']);
  }
  // find_spec looks without importing: the wheel alone is enough.
  const program =
    'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])';
  return run(python, ['-c', program], { capture: true });
};

const link = (target, path) => {
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
};

/** npm ships node-gyp; `npm run` says where npm is. */
const findNodeGyp = () => {
  const npm = process.env.npm_execpath
    ? join(dirname(process.env.npm_execpath), '..')
    : join(dirname(realpathSync(process.execPath)), '..', 'lib', 'node_modules', 'npm');
  const path = join(npm, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  return existsSync(path) ? path : fail(`node-gyp is not at ${path}: run this by "npm run test:tensorflow".`);
};

const build = () => {
  const binary = join(addon, 'lib', 'napi-v8', 'tfjs_binding.node');
  if (existsSync(binary)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, name: 'tfjs-node-build' }));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `@tensorflow/tfjs-node@${VERSION}`]);
  const wheel = findTensorFlow();
  console.error(`building tfjs-node ${VERSION} against ${wheel}`);
  mkdirSync(join(addon, 'deps', 'lib'), { recursive: true });
  link(join(wheel, 'include'), join(addon, 'deps', 'include'));
  for (const [name, source] of [
    ['libtensorflow.so', 'libtensorflow_cc.so.2'],
    ['libtensorflow_cc.so.2', 'libtensorflow_cc.so.2'],
    ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
    ['libtensorflow_framework.so.2', 'libtensorflow_framework.so.2'],
  ])
    link(join(wheel, source), join(addon, 'deps', 'lib', name));
  const prefix = join(dirname(realpathSync(process.execPath)), '..');
  run(
    process.execPath,
    [
      findNodeGyp(),
      'rebuild',
      `--nodedir=${prefix}`,
      '--module_name=tfjs_binding',
      `--module_path=${join(addon, 'lib', 'napi-v8')}`,
      '--napi_build_version=8',
    ],
    { cwd: addon },
  );
};

/** tfjs-node must use the project's copy of tfjs: two copies would not know each other's gradients and tensors. */
const shareTfjs = () => {
  const require = createRequire(join(root, 'package.json'));
  for (const name of ['tfjs-core', 'tfjs-backend-cpu', 'tfjs-layers'])
    link(join(dirname(require.resolve(`@tensorflow/${name}`)), '..'), join(modules, name));
};

build();
shareTfjs();
if (process.argv[2] === 'build') process.exit(0);
const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const given = process.argv.slice(2);
const files = given.some((argument) => argument.endsWith('.js')) ? [] : ['dist/test/**/*.test.js'];
const { status } = spawnSync(process.execPath, [mocha, ...given, ...files], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    VERYDEEP_ENGINE: 'tensorflow',
    NODE_PATH: join(folder, 'node_modules'), // Where the engine finds the package.
  },
});
process.exit(status ?? 1);
