import assert from 'node:assert/strict';
import { architecture } from '../../../src/backbone/nets/architecture.js';
import { type TrainingSize, trainingNeeds } from '../../../src/backbone/training/memory.js';
import { totalOf } from '../../../src/memory.js';

/** One block: 3 to 64 channels at 32 x 32, pooled to 16 x 16; fc6 to 512, fc7 to 512, fc8 to 16. */
const net = architecture({ config: 'A', blocks: 1, inputSize: 32, fullyConnected: 512, outputs: 16 });
const size: TrainingSize = {
  ...{ net, images: 16, heldGradients: 0, nchwcBlock: 16, threads: 1, workers: 1, prefetch: 3 },
  cacheBytes: 12_345_678,
};
const needs = (change: Partial<TrainingSize> = {}): Readonly<Record<string, number>> =>
  Object.fromEntries(trainingNeeds({ ...size, ...change }));

// Weights of at least 1024 numbers: conv1_1, fc6, fc7, fc8; each is a whole number of the engine's steps.
const [conv, fc6, fc7, fc8] = [9 * 3 * 64, 16 * 16 * 64 * 512, 512 * 512, 512 * 16] as const;
const weights = 4 * (conv + fc6 + fc7 + fc8);

describe('the memory of a training run', () => {
  it('holds weights, velocities and gradients once, and the sums of parts besides', () => {
    const whole = needs();
    assert.deepEqual(
      [whole['weights'], whole['velocities'], whole['gradients']],
      [weights, weights, weights],
    );
    // Gradients of a part, sums, and a new sum of a tensor of each size.
    assert.equal(needs({ heldGradients: 1 })['gradients'], 3 * weights);
  });

  it('holds the output and the gradients of each layer, image by image', () => {
    const map = 16 * 32 * 32 * 64;
    // ReLU's output and the convolution's gradient; pooled, and its gradient; fc6 and fc7 seven times; the pixels.
    const numbers = 2 * map + 2 * (map / 4) + 2 * 7 * 16 * 512 + 16 * 32 * 32 * 3;
    assert.equal(needs()['activations and their gradients'], 4 * numbers);
    assert.equal(needs({ images: 32 })['activations and their gradients'], 8 * numbers);
    // Without blocks, the convolution's output before ReLU is kept too.
    assert.equal(needs({ nchwcBlock: 0 })['activations and their gradients'], 4 * (numbers + map));
  });

  it('holds the outputs of convolutions that are normalised, besides those of ReLU that no max-pooling follows', () => {
    const two = { config: 'B', blocks: 1, inputSize: 32, fullyConnected: 512, outputs: 16 } as const;
    const activations = (batchNorm: boolean): number =>
      needs({ net: architecture({ ...two, ...(batchNorm && { batchNorm: true as const }) }) })[
        'activations and their gradients'
      ]!;
    // conv1_1: its output and that of ReLU; conv1_2: its output alone, as ReLU's alone without normalisation.
    assert.equal(activations(true) - activations(false), 4 * 16 * 32 * 32 * 64);
  });

  it('holds an average of what is trained, and the weights and outputs of a teacher', () => {
    const isFrozen = (tensor: string): boolean => /^conv|^fc6/.test(tensor);
    assert.equal(needs({ averaged: true })['average of weights'], weights);
    assert.equal(needs({ averaged: true, isFrozen })['average of weights'], 4 * (fc7 + fc8));
    assert.equal(needs()['average of weights'], undefined);
    // The filters are kept in the engine's order too, as 16 numbers for 9; then ReLU, pooled, fc6 and fc7, the pixels.
    const reordered = (4 * conv * 16) / 9;
    const map = 16 * 32 * 32 * 64;
    const outputs = 4 * (map + map / 4 + 2 * 7 * 16 * 512 + 16 * 32 * 32 * 3);
    assert.equal(needs({ teacher: net, averaged: true })['teacher'], weights + reordered + outputs);
    assert.equal(needs({ teacher: net })['gradients'], needs()['gradients']);
  });

  it('holds no velocity and no gradient of what is frozen, and no gradient of the maps before what is trained', () => {
    const frozen = needs({ isFrozen: (tensor) => /^conv|^fc6/.test(tensor) });
    assert.equal(frozen['velocities'], 4 * (fc7 + fc8));
    assert.equal(frozen['gradients'], 4 * (fc7 + fc8));
    const map = 16 * 32 * 32 * 64;
    assert.equal(
      frozen['activations and their gradients'],
      4 * (map + map / 4 + 2 * 7 * 16 * 512 + 16 * 32 * 32 * 3),
    );
  });

  it('counts what is around a step: files, batches ahead, the cache, threads', () => {
    const facts = needs();
    // fc6 twice; of the other weights and velocities, twice each, no more than what waits to be collected.
    assert.equal(facts['writing checkpoints'], 4 * 2 * fc6 + Math.min(110e6, 4 * weights - 8 * fc6));
    // Four batches, each twice: 16 images of 32 x 32 x 3 float32.
    assert.equal(facts['batches prepared ahead'], 4 * 2 * 4 * 16 * 32 * 32 * 3);
    assert.equal(facts['the cache of images'], 12_345_678);
    const more = needs({ threads: 3, workers: 2 })['the program and its threads']!;
    assert.equal(more - facts['the program and its threads']!, 3 * 18e6);
  });

  it('is only that of the weights for a run without steps', () => {
    const none = needs({ images: 0 });
    assert.equal(none['gradients'], 0);
    assert.equal(none['activations and their gradients'], 0);
  });

  it('grows with the images, and with the width', () => {
    const total = (change: Partial<TrainingSize>): number => totalOf(trainingNeeds({ ...size, ...change }));
    const sizes = [1, 2, 3, 5, 8, 13, 64, 256].map((images) => total({ images }));
    assert.deepEqual(
      [...sizes].sort((a, b) => a - b),
      sizes,
    );
    const wide = architecture({
      config: 'A',
      blocks: 1,
      width: 2,
      inputSize: 32,
      fullyConnected: 512,
      outputs: 16,
    });
    assert.ok(total({ net: wide }) > total({}));
  });
});
