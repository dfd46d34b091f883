import fc from 'fast-check';
import { agree, normal, tf } from './support.js';

type Image = tf.Tensor4D;

/** y, dx and dw of a convolution. */
const convolutionWithGradients = (
  xShape: number[],
  filterShape: number[],
  strides: [number, number],
  pad: 'same' | 'valid' | number,
  dilations: [number, number],
): tf.Tensor[] => {
  const x = normal(xShape, 1) as Image;
  const w = normal(filterShape, 2) as Image;
  const y = tf.conv2d(x, w, strides, pad, 'NHWC', dilations);
  const dy = normal(y.shape, 3) as Image;
  if (dilations.some((n) => n > 1)) return [y]; // tfjs has no gradient of a dilated convolution.
  const gradient = tf.grads((a: tf.Tensor, b: tf.Tensor) =>
    tf.conv2d(a as Image, b as Image, strides, pad, 'NHWC', dilations),
  );
  return [y, ...gradient([x, w], dy)];
};

describe('backend: convolution', () => {
  const cases: [string, number[], number[], [number, number], 'same' | 'valid' | number, [number, number]][] =
    [
      ['3x3 of whole blocks', [2, 9, 7, 32], [3, 3, 32, 16], [1, 1], 'same', [1, 1]],
      ['3x3 on a large map', [1, 40, 40, 16], [3, 3, 16, 32], [1, 1], 'same', [1, 1]],
      ['no padding, odd positions', [3, 7, 8, 17], [3, 3, 17, 32], [1, 1], 'valid', [1, 1]],
      ['3 channels in', [2, 8, 8, 3], [3, 3, 3, 16], [1, 1], 'same', [1, 1]],
      ['3 channels in, many images of odd size', [9, 11, 13, 3], [3, 3, 3, 32], [1, 1], 'same', [1, 1]],
      ['one channel in and strides', [5, 9, 10, 1], [5, 3, 1, 16], [2, 1], 'valid', [1, 1]],
      ['15 channels in, 7 out', [3, 6, 6, 15], [3, 3, 15, 7], [1, 1], 1, [1, 1]],
      ['5x5 of whole blocks', [2, 9, 7, 32], [5, 5, 32, 16], [1, 1], 'same', [1, 1]],
      ['5x5, 3 channels in', [4, 12, 10, 3], [5, 5, 3, 32], [1, 1], 'same', [1, 1]],
      [
        '5x5, odd channels on a map smaller than the kernel',
        [2, 4, 3, 19],
        [5, 5, 19, 21],
        [1, 1],
        2,
        [1, 1],
      ],
      ['odd channels', [2, 8, 8, 19], [3, 3, 19, 21], [1, 1], 'same', [1, 1]],
      ['1x1', [2, 5, 6, 20], [1, 1, 20, 12], [1, 1], 'valid', [1, 1]],
      ['1x1 with strides', [2, 5, 6, 20], [1, 1, 20, 12], [2, 2], 'valid', [1, 1]],
      ['strides', [2, 11, 11, 17], [3, 3, 17, 16], [2, 2], 'same', [1, 1]],
      ['strides of 4 with 11x11, as AlexNet', [1, 35, 35, 3], [11, 11, 3, 16], [4, 4], 'valid', [1, 1]],
      ['dilations', [2, 12, 12, 16], [3, 3, 16, 16], [1, 1], 'same', [2, 2]],
      ['whole map, as fc6', [3, 4, 4, 16], [4, 4, 16, 24], [1, 1], 'valid', [1, 1]],
      ['even kernel', [1, 9, 9, 16], [2, 4, 16, 16], [1, 1], 'same', [1, 1]],
      ['wide padding', [1, 6, 6, 16], [3, 3, 16, 16], [1, 1], 2, [1, 1]],
      ['padding wider than the kernel', [1, 6, 6, 4], [1, 1, 4, 4], [1, 1], 2, [1, 1]],
    ];
  for (const [name, ...arguments_] of cases)
    it(`${name}: y, dx and dw equal tfjs-cpu's`, () => agree(() => convolutionWithGradients(...arguments_)));

  it('3 channels in, dy in blocks after ReLU and pooling', () =>
    agree(() => {
      const [x, w] = [normal([4, 16, 16, 3], 1) as Image, normal([3, 3, 3, 32], 2) as Image];
      const pooled = (filter: tf.Tensor): tf.Tensor =>
        tf.maxPool(tf.relu(tf.conv2d(x, filter as Image, 1, 'same')), 2, 2, 'valid');
      return [tf.grad(pooled)(w, normal([4, 8, 8, 32], 3))];
    }));

  it('any shape (property)', async () => {
    const shape = fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      height: fc.integer({ min: 1, max: 12 }),
      width: fc.integer({ min: 1, max: 12 }),
      inChannels: fc.integer({ min: 1, max: 36 }),
      outChannels: fc.integer({ min: 1, max: 36 }),
      kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
      strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      dilations: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      pad: fc.constantFrom('same' as const, 'valid' as const, 1),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ batch, height, width, inChannels, outChannels, kernel, ...s }) => {
        const [dh, dw] = Math.max(...s.strides) > 1 ? [1, 1] : s.dilations; // tfjs takes one or the other.
        const fits = height + 2 > dh * (kernel[0] - 1) + 2 && width + 2 > dw * (kernel[1] - 1) + 2;
        fc.pre(fits);
        await agree(() =>
          convolutionWithGradients(
            [batch, height, width, inChannels],
            [...kernel, inChannels, outChannels],
            s.strides,
            s.pad,
            [dh, dw],
          ),
        );
      }),
      { numRuns: 30, seed: 5 },
    );
  });
});
