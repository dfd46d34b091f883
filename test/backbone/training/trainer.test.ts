import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tf } from '../../../src/backbone/nets/forward.js';
import { openBackbone } from '../../../src/backbone/nets/backbone.js';
import { type Example, Loader } from '../../../src/backbone/training/loader.js';
import { digestOf, digestSet, uniteDigests } from '../../../src/backbone/nets/digests.js';
import { nothingSeen } from '../../../src/backbone/nets/seen.js';
import { Model } from '../../../src/backbone/training/model.js';
import { initialWeights } from '../../../src/backbone/nets/initialisation.js';
import { tensorsOf } from '../../../src/backbone/nets/layout.js';
import { type TrainingRun, train } from '../../../src/backbone/training/trainer.js';
import type { TrainingSettings } from '../../../src/backbone/training/settings.js';
import { openSafetensors } from '../../../src/formats/safetensors.js';
import { normalisedLayersOf } from '../../../src/backbone/nets/batch-norm.js';
import { sha256OfFile } from '../../../src/io/files.js';
import { withFolder } from '../../support.js';
import { colourImages, cpu, randomArray, tinyNet } from '../tf.js';

const colours = {
  red: [220, 30, 30],
  green: [30, 200, 60],
  blue: [20, 40, 230],
  grey: [120, 120, 120],
} as const;
const classes = Object.keys(colours).sort();

const settings = (part: Partial<TrainingSettings> = {}): TrainingSettings => ({
  net: tinyNet(),
  classes,
  superclasses: [],
  superclassLoss: 0,
  labelSmoothing: 0,
  batch: 8,
  microBatch: 8,
  momentum: 0.9,
  weightDecay: 5e-4,
  averageWeights: 0,
  teacherWeight: 0.5,
  temperature: 4,
  dropout: 0.5,
  schedule: 'constant',
  learningRate: 0.02,
  epochs: 2,
  patience: 5,
  decreases: 3,
  warmUp: 0,
  init: 'he',
  initStd: 0.01,
  trainSide: [9, 9],
  flip: true,
  colourShift: 0,
  interpolation: 'cubic',
  input: { order: 'rgb', scale: 1, mean: [110, 110, 110], std: [70, 70, 70] },
  seed: 1,
  factors: {},
  ...part,
});

describe('trainer', () => {
  let tf: Tf;
  before(async () => {
    tf = await cpu();
  });

  /** Runs `use` with images, a loader, and a maker of output folders. */
  const withRun = (
    use: (run: Omit<TrainingRun, 'out'>, folder: (name: string) => Promise<string>) => Promise<void>,
  ): Promise<void> =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 6, colours);
      const examples = (
        await Promise.all(
          classes.map(async (name, label) =>
            (await readdir(join(root, 'data', name))).sort().map((file): Example => {
              const path = `${name}/${file}`;
              return { id: path, path, label, source: { file: join(root, 'data', path) } };
            }),
          ),
        )
      ).flat();
      const loader = new Loader({
        crop: 8,
        interpolation: 'cubic',
        workers: 1,
        prefetch: 2,
        cacheBytes: 1 << 24,
      });
      const { mkdir } = await import('node:fs/promises');
      try {
        await use(
          {
            tf,
            loader,
            train: examples.filter((_, i) => i % 6 !== 0),
            validation: examples.filter((_, i) => i % 6 === 0),
          },
          async (name) => {
            await mkdir(join(root, name));
            return join(root, name);
          },
        );
      } finally {
        await loader.close();
      }
    });

  const weightsOf = async (out: string) => sha256OfFile(join(out, 'backbone.safetensors'));

  it('learns, writes its results, and leaves no tensor behind', () =>
    withRun(async (run, folder) => {
      const before = tf.memory().numTensors;
      const out = await folder('out');
      const schedule = 'cosine';
      const { history, backbone, step } = await train(
        { ...run, out },
        settings({ schedule, epochs: 12, dropout: 0 }),
      );
      assert.equal(tf.memory().numTensors, before);
      assert.equal(step, 12 * 3);
      assert.equal(history.length, 12);
      assert.ok(
        history[0]!.loss > 1 && history.at(-1)!.loss < 0.7,
        history.map(({ loss }) => loss).join(' '),
      );
      assert.ok(history.at(-1)!.validationTop1Error! <= 25);
      const { metadata } = await openBackbone(backbone!);
      assert.deepEqual(metadata.classes, classes);
      assert.equal(metadata.training!['steps'], 36);
      const lines = (await readFile(join(out, 'log.jsonl'), 'utf8')).trim().split('\n');
      const records = lines.map((line) => JSON.parse(line) as { step: number; kind?: string });
      assert.deepEqual(
        records.filter(({ kind }) => kind !== 'epoch').map((record) => record.step),
        Array.from({ length: 36 }, (_, i) => i + 1),
      );
      assert.equal(records.filter(({ kind }) => kind === 'epoch').length, 12);
      assert.equal(
        (JSON.parse(await readFile(join(out, 'history.json'), 'utf8')) as { epochs: unknown[] }).epochs
          .length,
        12,
      );
    })).timeout(60_000);

  it('gives the same weights for the same seed, and others for another', () =>
    withRun(async (run, folder) => {
      const hashes: string[] = [];
      for (const [name, seed] of [
        ['a', 1],
        ['b', 1],
        ['c', 2],
      ] as const) {
        const out = await folder(name);
        await train({ ...run, out }, settings({ seed }));
        hashes.push(await weightsOf(out));
      }
      assert.equal(hashes[1], hashes[0]);
      assert.notEqual(hashes[2], hashes[0]);
    }));

  it('ends with the same bytes when it is stopped after any step and resumed', () =>
    withRun(async (run, folder) => {
      const whole = await folder('whole');
      await train({ ...run, out: whole }, settings());
      for (const stopAt of [1, 2, 3, 5]) {
        const out = await folder(`stopped-${stopAt}`);
        const stop = new AbortController();
        const onProgress = ({ done }: { done: number }) => {
          if (done === stopAt) stop.abort();
        };
        const first = await train({ ...run, out, signal: stop.signal, onProgress }, settings());
        assert.equal(first.interrupted, true);
        assert.equal(first.step, stopAt);
        assert.equal(first.backbone, undefined);
        const second = await train({ ...run, out, resume: true }, settings());
        assert.equal(second.interrupted, false);
        assert.equal(await weightsOf(out), await weightsOf(whole), `stopped after step ${stopAt}`);
        assert.deepEqual(
          second.history.map(({ loss, validationTop1Error }) => [loss, validationTop1Error]),
          (await train({ ...run, out: whole, resume: true }, settings())).history.map(
            ({ loss, validationTop1Error }) => [loss, validationTop1Error],
          ),
        );
      }
    })).timeout(60_000);

  it('refuses to resume with other options, and names the first', () =>
    withRun(async (run, folder) => {
      const out = await folder('out');
      await train({ ...run, out }, settings());
      await assert.rejects(
        train({ ...run, out, resume: true }, settings({ momentum: 0.5 })),
        /was made with other options: momentum was 0.9, is 0.5\. .*force/,
      );
      const { history } = await train({ ...run, out, resume: true }, settings({ epochs: 3 }));
      assert.equal(history.length, 3, 'more epochs of a constant schedule are a continuation');
    }));

  it('ends with the same bytes with warm-up, steps and label smoothing too, which must not change', () =>
    withRun(async (run, folder) => {
      const [whole, out] = [await folder('whole'), await folder('out')];
      const own = settings({ schedule: 'steps', warmUp: 0.5, decreases: 1, labelSmoothing: 0.1 });
      await train({ ...run, out: whole }, own);
      const stop = new AbortController();
      const onProgress = ({ done }: { done: number }) => {
        if (done === 2) stop.abort();
      };
      assert.ok((await train({ ...run, out, signal: stop.signal, onProgress }, own)).interrupted);
      const again = (part: Partial<TrainingSettings>) =>
        train({ ...run, out, resume: true }, settings({ ...own, ...part }));
      await assert.rejects(again({ labelSmoothing: 0 }), /labelSmoothing was 0.1, is not given/);
      await assert.rejects(again({ warmUp: 1 }), /warmUp was 0\.5, is 1\./);
      await again({});
      assert.equal(await weightsOf(out), await weightsOf(whole));
      await assert.rejects(
        train({ ...run, out: await folder('long') }, settings({ warmUp: 2 })),
        /Expected a number below the 2 epochs of the run for warmUp but received 2/,
      );
    }));

  it('with batch normalisation, writes a plain net that does what the running moments of its checkpoint do; resumed, the same bytes', () =>
    withRun(async (run, folder) => {
      const own = settings({ net: tinyNet({ batchNorm: true }), epochs: 3, microBatch: 5 });
      const [whole, out] = [await folder('whole'), await folder('out')];
      const { backbone, history } = await train({ ...run, out: whole }, own);
      const stop = new AbortController();
      const onProgress = ({ done }: { done: number }) => {
        if (done === 4) stop.abort();
      };
      assert.ok((await train({ ...run, out, signal: stop.signal, onProgress }, own)).interrupted);
      await assert.rejects(
        train({ ...run, out, resume: true }, settings({ ...own, net: tinyNet() })),
        /batchNorm was true, is not given\./,
      );
      await train({ ...run, out, resume: true }, own);
      assert.equal(await weightsOf(out), await weightsOf(whole));

      const { metadata, read } = await openBackbone(backbone!);
      assert.deepEqual(metadata.architecture, tinyNet());
      assert.equal(metadata.training!['batchNorm'], true);
      const stored = await openSafetensors(join(whole, 'checkpoint.safetensors'));
      const numbers = new Map<string, Float32Array>();
      for (const { name } of normalisedLayersOf(own.net))
        for (const part of ['weight', 'gamma', 'bias', 'mean', 'variance'])
          numbers.set(`${name}.${part}`, await stored.read(`${name}.${part}`));
      await stored.close();
      for (const { name, inputs } of normalisedLayersOf(own.net)) {
        const of = (part: string) => numbers.get(`${name}.${part}`)!;
        assert.ok(of('variance').every((x) => x > 0 && x !== 1) && of('gamma').some((x) => x !== 1));
        const [weight, bias] = [await read(`${name}.weight`), await read(`${name}.bias`)];
        // One position of the map, by the definition and by the folded filter.
        const patch = randomArray(9 * inputs, 7);
        of('gamma').forEach((gamma, o) => {
          const at = (filter: Float32Array) =>
            patch.reduce((sum, x, i) => sum + x * filter[o * patch.length + i]!, 0);
          const normalised = (at(of('weight')) - of('mean')[o]!) / Math.sqrt(of('variance')[o]! + 1e-5);
          const wanted = normalised * gamma + of('bias')[o]!;
          assert.ok(Math.abs(at(weight) + bias[o]! - wanted) < 1e-5 * Math.max(1, Math.abs(wanted)));
        });
      }
      assert.ok(history.every(({ validationTop1Error }) => validationTop1Error !== undefined));
    }));

  it('writes and validates the average of the weights of every fourth step; resumed, the same bytes', () =>
    withRun(async (run, folder) => {
      const decay = 0.9;
      const own = settings({
        ...{
          net: tinyNet({ batchNorm: true }),
          averageWeights: decay,
          epochs: 3,
          factors: { 'fc6.weight': 0 },
        },
      });
      const [whole, out] = [await folder('whole'), await folder('out')];
      const count = tf.memory().numTensors;
      const { backbone, step } = await train({ ...run, out: whole }, own);
      assert.equal(tf.memory().numTensors, count);
      // The weights of step 4 and step 8, as an interrupted run's checkpoints hold them.
      const names = ['fc8.weight', 'fc7.bias', 'conv1_1.gamma', 'conv2_1.mean'];
      const weightsAt = async (stopAt: number): Promise<Map<string, Float32Array>> => {
        const stop = new AbortController();
        const onProgress = ({ done }: { done: number }) => {
          if (done === stopAt) stop.abort();
        };
        await train({ ...run, out, resume: true, signal: stop.signal, onProgress }, own);
        const file = await openSafetensors(join(out, 'checkpoint.safetensors'));
        const found = new Map<string, Float32Array>();
        for (const name of names) found.set(name, await file.read(name));
        await file.close();
        return found;
      };
      const [four, eight] = [await weightsAt(4), await weightsAt(8)];
      assert.equal(step, 9);
      await train({ ...run, out, resume: true }, own);
      assert.equal(await weightsOf(out), await weightsOf(whole));

      const file = await openSafetensors(join(whole, 'checkpoint.safetensors'));
      for (const name of names) {
        // Of two entries, decay^4 to 1.
        const share = 1 / (1 + decay ** 4);
        const average = await file.read(`average.${name}`);
        const wanted = four.get(name)!.map((x, i) => (1 - share) * x + share * eight.get(name)![i]!);
        wanted.forEach((x, i) => assert.ok(Math.abs(average[i]! - x) < 1e-6, `${name} ${i}`));
        if (name === 'fc8.weight')
          assert.deepEqual(await (await openBackbone(backbone!)).read(name), average);
      }
      assert.ok(!file.tensors.has('average.fc6.weight'), 'what is frozen has no average');
      await file.close();
      await assert.rejects(
        train({ ...run, out, resume: true }, settings({ ...own, averageWeights: 0 })),
        /averageWeights was 0\.9, is not given/,
      );
    }));

  it('learns from a teacher; resumed, the same bytes; its images count as seen', () =>
    withRun(async (run, folder) => {
      const larger = settings({ net: tinyNet({ width: 1 / 8 }), seed: 2 });
      const images = { train: run.train.slice(0, 3), validation: run.train.slice(3, 5) };
      const first = await train({ ...run, ...images, out: await folder('teacher') }, larger);
      const teacher = await openBackbone(first.backbone!);
      const own = settings({ taughtBy: { file: 'teacher', sha256: await teacher.sha256() }, temperature: 2 });
      const [whole, out, alone] = [await folder('whole'), await folder('out'), await folder('alone')];
      const count = tf.memory().numTensors;
      const rest = { ...run, train: run.train.slice(5), teacher };
      const { backbone } = await train({ ...rest, out: whole }, own);
      assert.equal(tf.memory().numTensors, count);
      const stop = new AbortController();
      const onProgress = ({ done }: { done: number }) => {
        if (done === 1) stop.abort();
      };
      await train({ ...rest, out, signal: stop.signal, onProgress }, own);
      await assert.rejects(
        train({ ...rest, out, resume: true }, settings({ ...own, temperature: 3 })),
        /temperature was 2, is 3/,
      );
      await train({ ...rest, out, resume: true }, own);
      assert.equal(await weightsOf(out), await weightsOf(whole));
      await train({ ...run, train: rest.train, out: alone }, settings());
      assert.notEqual(await weightsOf(alone), await weightsOf(whole));
      const [seen, before] = [await (await openBackbone(backbone!)).seen(), await teacher.seen()];
      for (const digest of before!.training) assert.ok(seen!.training.includes(digest));
    }));

  it('writes the untrained net for 0 epochs', () =>
    withRun(async (run, folder) => {
      const out = await folder('out');
      const { backbone, step } = await train({ ...run, out }, settings({ epochs: 0 }));
      assert.equal(step, 0);
      const file = await openBackbone(backbone!);
      const [{ layer }] = tensorsOf(tinyNet()) as [ReturnType<typeof tensorsOf>[number]];
      assert.deepEqual(await file.read('conv1_1.weight'), initialWeights(layer, 'he', 1));
      assert.ok((await file.read('fc8.bias')).every((x) => x === 0));
    }));

  it('stops at a loss that explodes, names step and layer, and keeps the last checkpoint', () =>
    withRun(async (run, folder) => {
      const out = await folder('out');
      await train({ ...run, out }, settings({ epochs: 1 }));
      const checkpoint = await sha256OfFile(join(out, 'checkpoint.safetensors'));
      const before = tf.memory().numTensors;
      await assert.rejects(
        train({ ...run, out: await folder('wild') }, settings({ learningRate: 1e20 })),
        /Training diverged at step 2 \(epoch 1\): the loss is .*layer .*Lower learningRate \(now 100000000000000000000\)/,
      );
      assert.equal(tf.memory().numTensors, before);
      assert.equal(await sha256OfFile(join(out, 'checkpoint.safetensors')), checkpoint);
    }));

  describe('keeps which images it has seen', () => {
    const digestsIn = async (examples: readonly Example[]) =>
      digestSet(
        await Promise.all(examples.map(async ({ source }) => digestOf(await sha256OfFile(source.file)))),
      );

    it('each image of training and validation once, by content', () =>
      withRun(async (run, folder) => {
        const copy = { ...run.train[0]!, id: 'copy' };
        const { backbone } = await train(
          { ...run, train: [...run.train, copy], out: await folder('out') },
          settings(),
        );
        const seen = (await (await openBackbone(backbone!)).seen())!;
        assert.deepEqual(seen.training, await digestsIn(run.train));
        assert.deepEqual(seen.validation, await digestsIn(run.validation));
        assert.equal(seen.incomplete, false);
      }));

    it('none in an untrained net, those of the net before in one that is trained on', () =>
      withRun(async (run, folder) => {
        const untrained = await train({ ...run, out: await folder('untrained') }, settings({ epochs: 0 }));
        assert.deepEqual(await (await openBackbone(untrained.backbone!)).seen(), nothingSeen);
        const before = { training: digestSet([1, 2]), validation: digestSet([3]), incomplete: false };
        const initialisedFrom = { file: 'before.safetensors', sha256: '' };
        const trained = await train(
          { ...run, before, out: await folder('trained') },
          settings({ initialisedFrom }),
        );
        const seen = (await (await openBackbone(trained.backbone!)).seen())!;
        assert.deepEqual(seen.training, uniteDigests(await digestsIn(run.train), digestSet([1, 2])));
        assert.ok(seen.validation.includes(3));
        const unknown = await train({ ...run, out: await folder('unknown') }, settings({ initialisedFrom }));
        assert.equal((await (await openBackbone(unknown.backbone!)).seen())!.incomplete, true);
      }));

    it('in the same bytes after an interruption in the last epoch', () =>
      withRun(async (run, folder) => {
        const [whole, parts] = [await folder('whole'), await folder('parts')];
        await train({ ...run, out: whole }, settings());
        const stop = new AbortController();
        const onProgress: TrainingRun['onProgress'] = ({ done, total }) => {
          if (total !== undefined && done >= total - 1) stop.abort();
        };
        const first = await train({ ...run, out: parts, signal: stop.signal, onProgress }, settings());
        assert.ok(first.interrupted, 'it was interrupted');
        const loader = new Loader({
          crop: 8,
          interpolation: 'cubic',
          workers: 1,
          prefetch: 2,
          cacheBytes: 1 << 24,
        });
        try {
          await train({ ...run, loader, out: parts, resume: true }, settings());
        } finally {
          await loader.close();
        }
        assert.equal(await weightsOf(parts), await weightsOf(whole));
      }));
  });
});

describe('model', () => {
  let tf: Tf;
  before(async () => {
    tf = await cpu();
  });
  const net = tinyNet();
  const heads = { classes: 4, superclasses: 0, superclassLoss: 0 };
  const he = (name: string) => {
    const { layer, bias } = tensorsOf(net).find((entry) => entry.name === name)!;
    return bias ? new Float32Array(layer.outputs) : initialWeights(layer, 'he', 3);
  };
  const size = 8 * 8 * 3;
  const pixels = randomArray(6 * size, 1);
  const targets = [0, 1, 2, 3, 1, 0].map((label) => ({ label }));

  it('adds up the gradients of parts to those of the whole batch', async () => {
    const model = await Model.create(tf, net, heads, new Map(), he);
    const whole = model.gradients(pixels, targets, 6, undefined);
    const parts = [
      [0, 1],
      [1, 4],
      [4, 6],
    ].map(([begin, end]) =>
      model.gradients(pixels.slice(begin! * size, end! * size), targets.slice(begin, end), 6, undefined),
    );
    assert.ok(Math.abs(parts.reduce((sum, { loss }) => sum + loss, 0) - whole.loss) < 1e-6);
    for (const [name, gradient] of whole.gradients) {
      const wanted = gradient.dataSync<'float32'>();
      const largest = wanted.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      const [a, b, c] = parts.map(({ gradients }) => gradients.get(name)!.dataSync());
      wanted.forEach((x, i) => assert.ok(Math.abs(a![i]! + b![i]! + c![i]! - x) <= 1e-5 * largest, name));
    }
    for (const { gradients } of [whole, ...parts]) tf.dispose([...gradients.values()]);
    model.dispose();
  });

  it('has gradients equal to finite differences of the loss', async () => {
    const model = await Model.create(tf, net, heads, new Map(), he);
    const { gradients } = model.gradients(pixels, targets, 6, undefined);
    const lossWith = async (name: string, index: number, step: number): Promise<number> => {
      const moved = await Model.create(tf, net, heads, new Map(), (each) => {
        const data = he(each);
        if (each === name) data[index]! += step;
        return data;
      });
      const result = moved.gradients(pixels, targets, 6, undefined);
      tf.dispose([...result.gradients.values()]);
      moved.dispose();
      return result.loss;
    };
    for (const name of ['fc8.bias', 'fc7.bias', 'conv2_1.bias', 'conv1_1.bias']) {
      const gradient = gradients.get(name)!.dataSync()[1]!;
      const h = 2e-3;
      const difference = ((await lossWith(name, 1, h)) - (await lossWith(name, 1, -h))) / (2 * h);
      assert.ok(
        Math.abs(gradient - difference) < 2e-3 * Math.max(1, Math.abs(difference)),
        `${name} ${gradient} ${difference}`,
      );
    }
    tf.dispose([...gradients.values()]);
    model.dispose();
  });

  it('does not move frozen layers, moves others by their factors, and leaves no tensor behind in a step', async () => {
    const factors = new Map([
      ['conv1_1.weight', 0],
      ['conv1_1.bias', 0],
      ['fc8.weight', 10],
    ]);
    const model = await Model.create(tf, net, heads, factors, he);
    assert.ok(!model.parameters.trainable.includes('conv1_1.weight'));
    const before = tf.memory().numTensors;
    const { gradients } = model.gradients(pixels, targets, 6, undefined);
    assert.equal(gradients.has('conv1_1.weight'), false);
    model.update(gradients, { learningRate: 1e-3, momentum: 0.9, weightDecay: 0 });
    const gradient = [...gradients.get('fc8.weight')!.dataSync()];
    tf.dispose([...gradients.values()]);
    assert.equal(tf.memory().numTensors, before);
    const read = (name: string) => model.reading((each) => each(name));
    assert.deepEqual(await read('conv1_1.weight'), he('conv1_1.weight'));
    const { layer } = tensorsOf(net).find(({ name }) => name === 'fc8.weight')!;
    const [start, end] = [he('fc8.weight'), await read('fc8.weight')];
    for (let o = 0; o < layer.outputs; o++)
      for (let i = 0; i < layer.inputs; i++) {
        const moved = end[o * layer.inputs + i]! - start[o * layer.inputs + i]!;
        assert.ok(Math.abs(moved + 1e-2 * gradient[i * layer.outputs + o]!) < 1e-6);
      }
    model.dispose();
  });

  it('refuses to give out weights that are not finite', async () => {
    const model = await Model.create(tf, net, heads, new Map(), (name) => he(name).fill(Number.NaN));
    await assert.rejects(
      model.reading((each) => each('conv1_1.weight')),
      /weights conv1_1.weight are no longer finite/,
    );
    model.dispose();
  });
});
