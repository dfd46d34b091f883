// Bundles tfjs's own specs with the backend, so that there is one instance of tfjs-core (its files import without
// extensions, which Node refuses).
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { root } from '../../support.js';

const core = join(root, 'node_modules/@tensorflow/tfjs-core/dist');

/** Folders of tfjs-core whose specs are run. */
const folders = [
  'ops',
  'ops/losses',
  'ops/fused',
  'ops/signal',
  'ops/linalg',
  'ops/sparse',
  'ops/image',
  'optimizers',
];

const specFiles = async (): Promise<string[]> => {
  const lists = folders.map(async (folder) =>
    (await readdir(join(core, folder)).catch(() => []))
      .filter((file) => file.endsWith('_test.js'))
      .map((file) => join(core, folder, file)),
  );
  return [...new Set((await Promise.all(lists)).flat())].sort();
};

/** Every import of tfjs-core and tfjs-backend-cpu leads to the same source files; Jasmine is started once. */
const oneInstance: Plugin = {
  name: 'one instance',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^@tensorflow\/tfjs-core$/ }, () => ({ path: join(core, 'index.js') }));
    onResolve({ filter: /^@tensorflow\/tfjs-backend-cpu$/ }, () => ({
      path: join(root, 'node_modules/@tensorflow/tfjs-backend-cpu/dist/index.js'),
    }));
    onResolve({ filter: /^jasmine-core\/lib/ }, () => ({ path: 'jasmine', namespace: 'started' }));
    onLoad({ filter: /.*/, namespace: 'started' }, () => ({
      // tfjs's helpers load Jasmine by a path of their own; its functions go where a browser would have them.
      contents: `
        const core = require('jasmine-core');
        core.installGlobals();
        core.jasmine.getEnv().configure({ forbidDuplicateNames: false, random: false });
        module.exports = { core: () => core.jasmine };`,
    }));
  },
};

/** Writes the bundle; returns the number of spec files in it. */
export const bundleSuite = async (outfile: string): Promise<number> => {
  const files = await specFiles();
  const quoted = (path: string): string => JSON.stringify(path);
  await build({
    stdin: {
      contents: [
        `import { execute } from ${quoted(join(root, 'dist/test/interop/tfjs-suite/environment.js'))};`,
        `import ${quoted(join(core, 'public/chained_ops/register_all_chained_ops.js'))};`,
        `import ${quoted(join(core, 'register_all_gradients.js'))};`,
        ...files.map((file) => `import ${quoted(file)};`),
        'await execute();',
      ].join('\n'),
      resolveDir: root,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
    external: ['koffi', 'jasmine-core', 'protobufjs'],
    // For what is CommonJS inside the bundle.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    plugins: [oneInstance],
    ignoreAnnotations: true, // tfjs-core's package.json calls its specs free of side effects.
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"test"' },
  });
  return files.length;
};
