import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openBackbone, saveBackbone } from '../../../src/backbone/nets/backbone.js';
import { loadWeights } from '../../../src/backbone/nets/dense-activations.js';
import { forward } from '../../../src/backbone/nets/forward.js';
import { Teacher, betweenInputs, checkTeacher } from '../../../src/backbone/training/teacher.js';
import { sizeFromShape } from '../../../src/shape.js';
import { withFolder } from '../../support.js';
import { cpu, randomArray, tinyNet } from '../tf.js';

const rgb = { order: 'rgb', scale: 1, mean: [100, 110, 120], std: [50, 60, 70] } as const;
/** Pixels in [0, 1], blue first. */
const bgr = { order: 'bgr', scale: 1 / 255, mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.5] } as const;

const save = async (path: string, classes: readonly string[]): Promise<void> => {
  const metadata = { format: 1, architecture: tinyNet({ outputs: 3 }), input: bgr, classes } as const;
  await saveBackbone(path, metadata, (name, shape) =>
    randomArray(sizeFromShape(shape), name.length).map((x) => 0.3 * x),
  );
};

describe('teacher', () => {
  it("takes inputs as its own normalisation makes them of the same pixels, in the other's order", () => {
    const pixel = [200, 30, 80]; // Red, green, blue.
    const ours = pixel.map((value, c) => (value - rgb.mean[c]!) / rgb.std[c]!);
    const { factors, summands, reversed } = betweenInputs(rgb, bgr);
    const turned = ours.map((x, c) => x * factors[c]! + summands[c]!);
    const theirs = [80, 30, 200].map((value, c) => (value / 255 - bgr.mean[c]!) / bgr.std[c]!);
    assert.ok(reversed);
    turned.toReversed().forEach((x, c) => assert.ok(Math.abs(x - theirs[c]!) < 1e-9));
    const back = betweenInputs(bgr, rgb);
    theirs
      .map((x, c) => x * back.factors[c]! + back.summands[c]!)
      .toReversed()
      .forEach((x, c) => assert.ok(Math.abs(x - ours[c]!) < 1e-9));
    assert.equal(betweenInputs(rgb, rgb).reversed, false);
  });

  it('gives its scores of the crops, and leaves no tensor behind', () =>
    withFolder(async (folder) => {
      const tf = await cpu();
      const path = join(folder, 'teacher.safetensors');
      await save(path, ['a', 'b', 'c']);
      const backbone = await openBackbone(path);
      const pixels = Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => (i * 37) % 256);
      const ours = Float32Array.from(pixels, (value, i) => (value - rgb.mean[i % 3]!) / rgb.std[i % 3]!);
      const theirs = Float32Array.from(pixels, (_, i) => {
        const c = i % 3;
        return (pixels[i - c + 2 - c]! / 255 - bgr.mean[c]!) / bgr.std[c]!;
      });
      const before = tf.memory().numTensors;
      const teacher = await Teacher.create(tf, backbone, { teacherWeight: 0.4, temperature: 3 }, rgb, 3);
      const { scores, weight, temperature } = teacher.targets(ours, 2);
      teacher.dispose();
      assert.equal(tf.memory().numTensors, before);
      assert.deepEqual([weight, temperature], [0.4, 3]);
      const weights = await loadWeights(tf, backbone);
      const wanted = tf.tidy(() =>
        forward(tf, backbone.metadata.architecture, weights, tf.tensor4d(theirs, [2, 8, 8, 3])).dataSync(),
      );
      tf.dispose([...weights.values()]);
      assert.equal(scores.length, 6);
      wanted.forEach((x, i) => assert.ok(Math.abs(scores[i]! - x) < 1e-4 * Math.max(1, Math.abs(x))));
    }));

  it('is refused with other classes or another input size', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'teacher.safetensors');
      await save(path, ['a', 'b', 'c']);
      const backbone = await openBackbone(path);
      checkTeacher(backbone, 8, ['a', 'b', 'c']);
      assert.throws(
        () => checkTeacher(backbone, 8, ['a', 'b', 'd']),
        /Expected the same classes in data as in the teacher .*teacher.safetensors \(3\) but received others \(3\)/,
      );
      assert.throws(
        () => checkTeacher(backbone, 16, ['a', 'b', 'c']),
        /Expected a net with an input of 16 pixels, as the net that it teaches for teacher but received .* with 8/,
      );
    }));
});
