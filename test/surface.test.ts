// The public surface: its names, its types, and the programs of the documentation, which run as they stand there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'mocha';
import sharp from 'sharp';
import { randomBackbone } from './features/nets.js';
import { root, withFolder } from './support.js';

/** The values that each entry point exports. To add or remove one is a decision: change this list with it. */
const surface: Readonly<Record<string, string>> = {
  '.': `ImageError InterruptedError LinearSvm UsageError VerydeepError benchmarkNames checkDataset datasetNames describe
    describeEngines describeRecipe downloadDataset downloadWeights exportFeatures exportInt8 exportWeights importWeights
    mergeFeatures openDataset openFeatures openNet publishedWeights recipes runBenchmark trainBackbone verifyFeatures`,
  './classifiers': `calibrate decisionValues gramOf loadModel oneVsRest probabilities refit saveModel selectC setAside
    stratifiedSplit trainOneVsRest`,
  './images': `ImageError centreCrop clipToImage crop decode flip interpolations loadImage randomCrop readImageBytes
    resizeSmallestSide resizeTo`,
  './metrics': `MISSING accuracy argmax averagePrecision bootstrap classRecalls classSizes confusionMatrix countOf mean
    meanClassRecall precisionRecall rank standardDeviation topK`,
  './tfjs': `architecture configs denseForward forward layersOf loadWeights momentumUpdate openBackbone outOfMemory
    parameterCount saveBackbone useEngine weightShapes`,
};

/** Programs are run from a folder of the package, so that they find it by its name. */
const scripts = join(root, 'dist', 'test', 'programs');

const run = (args: readonly string[], cwd: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`ended with ${code}: ${output}`));
    });
  });

/** A picture of one colour. */
const plain = (width: number, background: string): Promise<Buffer> =>
  sharp({ create: { width, height: 40, channels: 3, background } })
    .png()
    .toBuffer();

/** The first program under a heading of a page, as it stands there. */
const programIn = async (page: string, heading: string): Promise<string> => {
  const text = `\n${await readFile(join(root, 'docs', page), 'utf8')}`;
  const program = /```(?:ts|js)\n(.*?)```/s.exec(text.slice(text.indexOf(`\n${heading}\n`)))?.[1];
  assert.ok(program, `a program under "${heading}" in ${page}`);
  return program;
};

describe('the public surface', function () {
  this.timeout(120_000);
  before(() => mkdir(scripts, { recursive: true }));
  after(() => rm(scripts, { recursive: true, force: true }));

  it('has these entry points and names, and no others', async () => {
    const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      exports: Record<string, { default: string } | string>;
    };
    const entries = Object.entries(exports).filter(([, target]) => typeof target !== 'string');
    assert.deepEqual(
      entries.map(([name]) => name),
      Object.keys(surface),
    );
    for (const [name, target] of entries) {
      const { default: file } = target as { default: string };
      const found = Object.keys((await import(join(root, file))) as object);
      assert.deepEqual(found.sort(), surface[name]!.split(/\s+/).sort(), name);
    }
  });

  it('runs the first program of the documentation on a folder of photographs', () =>
    withFolder(async (folder) => {
      await randomBackbone(join(folder, 'net.safetensors'));
      const colours = { daisy: '#f0f0e0', rose: '#c01030', tulip: '#e0b010' };
      for (const [name, colour] of Object.entries(colours)) {
        await mkdir(join(folder, 'photos', name), { recursive: true });
        for (let i = 0; i < 5; i++) {
          await writeFile(join(folder, 'photos', name, `${i}.png`), await plain(48 + i, colour));
        }
      }
      await writeFile(join(folder, 'new.jpg'), await plain(64, '#b81838'));
      const program = join(scripts, 'first.mjs');
      await writeFile(program, await programIn('library.md', '# In a program'));
      assert.match(await run([program], folder), /path: 'new.jpg',\s+class: 'rose',\s+scores: \{\s+rose: /);
    }));

  it('trains a net that is no VGG through tfjs, as the page of the engine does', async () => {
    const program = join(scripts, 'tfjs.mjs');
    await writeFile(program, await programIn('engine.md', '## For any program of TensorFlow.js'));
    assert.match(await run([program], root), /onnxruntime \[ 0, 1, 1, 0 \]/);
  });

  it("has types that compile under a user's strictest options, without skipLibCheck", async () => {
    const options = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
    const compilerOptions = {
      ...options,
      module: 'NodeNext',
      target: 'ES2023',
      lib: ['ES2023'],
      types: ['node'],
      noEmit: true,
      skipLibCheck: false,
    };
    await writeFile(join(scripts, 'first.mts'), await programIn('library.md', '# In a program'));
    const others = ['classifiers', 'images', 'metrics'].map((name) => `export * from 'verydeep/${name}';\n`);
    for (const [i, line] of others.entries()) await writeFile(join(scripts, `other${i}.mts`), line);
    await writeFile(join(scripts, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
    // The check is a real one: a misspelt option does not compile.
    const wrong =
      "import { openNet } from 'verydeep';\n// @ts-expect-error\nawait openNet('a', { thread: 1 });\n";
    await writeFile(join(scripts, 'wrong.mts'), wrong);
    await run([join(root, 'node_modules/typescript/bin/tsc'), '-p', scripts], scripts);
  });
});
