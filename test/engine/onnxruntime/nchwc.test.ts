import assert from 'node:assert/strict';
import type { OnnxRuntimeBackend } from '../../../src/engine/onnxruntime/backend.js';
import { momentumUpdate } from '../../../src/engine/momentum.js';
import { agree, difference, normal, on, tf } from './support.js';

type Image = tf.Tensor4D;

const backend = (): OnnxRuntimeBackend => tf.backend() as OnnxRuntimeBackend;

/** A convolution whose output the backend leaves in NCHWc: 6,272 numbers of 32 channels. */
const convolution = (bias = true, inputs = 16): Image => {
  const x = normal([4, 7, 7, inputs], 1) as Image;
  const filter = normal([3, 3, inputs, 32], 2) as Image;
  return tf.fused.conv2d({
    x,
    filter,
    strides: 1,
    pad: 'same',
    ...(bias && { bias: normal([32], 3) }),
  });
};

/** A second one on top. */
const onTop = (x: tf.Tensor, outputs = 32): Image =>
  tf.conv2d(x as Image, normal([3, 3, x.shape[3]!, outputs], 4) as Image, 1, 'same');

const uses: Readonly<Record<string, () => tf.Tensor[]>> = {
  'the convolution alone': () => [convolution()],
  'without a bias': () => [tf.relu(convolution(false)), convolution(false)],
  'ReLU alone': () => [tf.relu(convolution())],
  'first ReLU, then the convolution': () => {
    const z = convolution();
    return [tf.add(tf.relu(z), 1), tf.add(z, 1)];
  },
  'first the convolution, then ReLU': () => {
    const z = convolution();
    const first = tf.add(z, 1);
    return [first, tf.relu(z)];
  },
  'ReLU twice': () => {
    const z = convolution();
    return [tf.relu(z), tf.relu(tf.relu(z)), tf.relu(z)];
  },
  'two convolutions and pooling of the same': () => {
    const z = convolution();
    return [onTop(z), tf.maxPool(z, 2, 2, 'same'), onTop(tf.relu(z)), tf.avgPool(z, 3, 1, 'valid')];
  },
  'overlapping, padded and average pooling': () => {
    const y = tf.relu(convolution());
    return [
      tf.maxPool(y, 3, 2, 'same'),
      tf.maxPool(y, 2, 1, 'valid'),
      tf.avgPool(y, 3, 2, 'same'),
      tf.avgPool(y, 2, 2, 'valid'),
      tf.maxPool(y, 7, 7, 'valid'),
      tf.mean(y, [1, 2]),
    ];
  },
  'ReLU of a reshaped convolution': () => {
    const y = tf.relu(tf.reshape<tf.Rank.R4>(convolution(), [4, 7, 14, 16]));
    return [onTop(y), y];
  },
  'convolution of a reshaped one': () => [
    onTop(tf.reshape(convolution(), [4, 7, 14, 16])),
    onTop(tf.reshape(tf.relu(convolution()), [4, 14, 7, 16])),
  ],
  'reshaped before ReLU, after it, and back': () => {
    const z = convolution();
    const flat = tf.reshape(z, [4, 49 * 32]);
    const wide = tf.reshape<tf.Rank.R4>(z, [4, 7, 14, 16]);
    const y = tf.relu(z);
    const other = tf.reshape<tf.Rank.R4>(y, [4, 7, 14, 16]);
    return [
      ...[tf.relu(wide), tf.relu(flat), onTop(wide), onTop(other), tf.maxPool(other, 2, 2, 'same')],
      ...[tf.reshape(flat, [4, 7, 7, 32]), tf.relu(z), onTop(tf.reshape(flat, [4, 7, 7, 32])), y],
    ];
  },
  'clones and slices': () => {
    const z = convolution();
    const [c, y] = [tf.clone(z), tf.relu(z)];
    return [
      tf.relu(c),
      tf.clone(y),
      tf.slice(y, [1, 1, 1, 1], [1, 2, 3, 4]),
      tf.add(c, y),
      tf.unstack(y)[2]!,
    ];
  },
  'other activations, arithmetic and transposition': () => {
    const z = convolution();
    return [tf.sigmoid(z), tf.elu(z), tf.relu6(z), tf.transpose(z), tf.mul(z, tf.relu(z)), tf.softmax(z)];
  },
  'fewer input channels than a block, and no multiple of one': () => [
    tf.relu(convolution(true, 3)),
    tf.relu(convolution(true, 20)),
    tf.relu(onTop(tf.relu(convolution()), 24)),
    onTop(onTop(tf.relu(convolution()), 8)),
  ],
  'dilations, strides and filters of one position': () => {
    const y = tf.relu(convolution());
    return [
      tf.conv2d(y, normal([3, 3, 32, 64], 5) as Image, 1, 'same', 'NHWC', 2),
      tf.conv2d(y, normal([3, 3, 32, 256], 5) as Image, 2, 'same'),
      tf.conv2d(y, normal([1, 1, 32, 64], 5) as Image, 1, 'same'),
      tf.conv2d(y, normal([5, 2, 32, 64], 5) as Image, 1, 'valid'),
    ];
  },
};

/** Gradients of nets that keep, read and share deferred convolutions. */
const nets: Readonly<Record<string, (x: tf.Tensor, w: tf.Tensor, v: tf.Tensor) => tf.Tensor>> = {
  'convolution, ReLU, convolution, ReLU, pooling': (x, w, v) =>
    tf.maxPool(tf.relu(layer(tf.relu(layer(x, w)), v)), 2, 2, 'valid'),
  'pooling between': (x, w, v) => tf.relu(layer(tf.maxPool(tf.relu(layer(x, w)), 2, 2, 'valid'), v)),
  'no ReLU at all': (x, w, v) => tf.maxPool(layer(layer(x, w), v), 2, 2, 'valid'),
  'ReLU after pooling': (x, w, v) => tf.relu(tf.maxPool(layer(tf.relu(layer(x, w)), v), 2, 2, 'valid')),
  'a shortcut around ReLU': (x, w, v) => {
    const z = layer(x, w);
    return tf.add(layer(tf.relu(z), v), z);
  },
  'a sum of two ways': (x, w, v) => {
    const y = tf.relu(layer(x, w));
    return tf.mul(tf.relu(layer(y, v)), tf.add(layer(y, v), y));
  },
  'overlapping pooling': (x, w, v) => tf.maxPool(tf.relu(layer(tf.relu(layer(x, w)), v)), 3, 2, 'same'),
  'dense layer at the end': (x, w, v) => {
    const map = tf.maxPool(tf.relu(layer(tf.relu(layer(x, w)), v)), 2, 2, 'valid');
    return tf.matMul(tf.reshape(map, [2, 16 * 32]), normal([16 * 32, 10], 9));
  },
  'average pooling and a sigmoid': (x, w, v) =>
    tf.avgPool(tf.sigmoid<Image>(layer(tf.relu(layer(x, w)), v)), 2, 2, 'valid'),
};

const layer = (x: tf.Tensor, filter: tf.Tensor): Image =>
  tf.fused.conv2d({
    x: x as Image,
    filter: filter as Image,
    bias: normal([32], 7),
    strides: 1,
    pad: 'same',
  });

const gradientsOf = (net: (typeof nets)[string], inputs: number) => (): tf.Tensor[] => {
  const args = [normal([2, 8, 8, inputs], 1), normal([3, 3, inputs, 32], 2), normal([3, 3, 32, 32], 3)];
  const scaled = args.map((tensor, i) => (i === 0 ? tensor : tf.mul(tensor, 0.2)));
  const { value, grads } = tf.valueAndGrads((...[x, w, v]: tf.Tensor[]) =>
    tf.sum(tf.square(net(x!, w!, v!))),
  )(scaled);
  return [value, ...grads];
};

const resultOf = ({ shape, dtype }: tf.Tensor, data: ArrayLike<number>) => ({
  shape,
  dtype,
  data: Float32Array.from(data),
});

describe('backend: NCHWc between kernels', () => {
  for (const [name, compute] of Object.entries(uses)) it(`equals tfjs-cpu: ${name}`, () => agree(compute));

  for (const [name, net] of Object.entries(nets))
    it(`gradients equal tfjs-cpu's: ${name}`, () => agree(gradientsOf(net, 16), 2e-5));

  it("gradients of pixels equal tfjs-cpu's", () => agree(gradientsOf(nets['pooling between']!, 3), 2e-5));

  it('is read after a move to another backend, and by data()', async () => {
    const [expected] = await on('cpu', () => tf.relu(convolution()));
    await tf.setBackend('onnxruntime');
    const [y, z] = tf.tidy(() => [tf.relu(convolution()), tf.relu(convolution())]);
    const read = await z.data();
    assert.ok(difference({ ...expected!, data: read as Float32Array }, expected!) < 1e-5);
    await tf.setBackend('cpu');
    const [moved] = await on('cpu', () => tf.clone(y));
    assert.ok(difference(moved!, expected!) < 1e-5);
    tf.dispose([y, z]);
  });

  it('passes NaN on through ReLU as tfjs-cpu does, and a window of them is no number', async () => {
    const broken = (): Image => {
      const hole = tf.reshape(tf.oneHot(tf.tensor1d([5], 'int32'), 32), [1, 1, 1, 32]);
      const filter = tf.where<tf.Tensor>(tf.cast(hole, 'bool'), NaN, normal([3, 3, 16, 32], 3));
      return tf.relu(tf.conv2d(normal([4, 8, 8, 16], 2) as Image, filter as Image, 1, 'same'));
    };
    await agree(() => [broken()]);
    const [pooled] = await on('onnxruntime', () => tf.maxPool(broken(), 2, 2, 'valid'));
    pooled!.data.forEach((value, i) => assert.equal(Number.isNaN(value), i % 32 === 5));
  });
});

describe('backend: a convolution that is computed when it is read', () => {
  beforeEach(() => tf.setBackend('onnxruntime'));

  it("gives ReLU's gradient when ReLU's result is gone or overwritten", async () => {
    const shape = [4, 7, 7, 32];
    const fates: Readonly<Record<string, (y: tf.Tensor) => tf.Tensor[]>> = {
      gone: (y) => (y.dispose(), []),
      overwritten: (y) => {
        const step = { learningRate: 1, momentum: 0, decay: 0 };
        return Object.values(momentumUpdate(y, tf.zeros(shape), tf.mul(normal(shape, 5), 3), step));
      },
      there: () => [],
    };
    for (const [name, fate] of Object.entries(fates)) {
      const gradient = (): tf.Tensor => {
        const z = convolution();
        const y = tf.relu(z);
        fate(y);
        return tf.mul(normal(shape, 6), tf.step(z));
      };
      const [[ours], [reference]] = [await on('onnxruntime', gradient), await on('cpu', gradient)];
      assert.ok(difference(ours!, reference!) < 1e-5, name);
    }
  });

  it('takes no memory where only ReLU reads it, in either order of disposal', () => {
    const length = 4 * 7 * 7 * 32;
    for (const first of ['convolution', 'ReLU']) {
      const before = { ...backend().statistics, ...tf.memory() };
      const z = tf.tidy(() => convolution());
      const y = tf.relu(z);
      assert.equal(tf.memory().numTensors, before.numTensors + 2);
      // What is in use: y, and what z is to be computed from.
      const inputs = 4 * 7 * 7 * 16 + 9 * 16 * 32 + 32;
      assert.ok(backend().statistics.inUse - before.inUse <= (length + inputs) * 1.1);
      const expected = first === 'ReLU' ? tf.tidy(() => convolution()).dataSync() : y.dataSync();
      (first === 'ReLU' ? y : z).dispose();
      const left = first === 'ReLU' ? z : y;
      assert.ok(difference(resultOf(left, left.dataSync()), resultOf(left, expected)) < 1e-6);
      left.dispose();
      if (first === 'convolution') assert.equal(backend().statistics.inUse, before.inUse);
    }
  });

  it('sees its filter as it was: momentum does not overwrite it meanwhile, and does when nothing is deferred', () => {
    const x = normal([4, 7, 7, 16], 1) as Image;
    const filter = tf.mul<Image>(normal([3, 3, 16, 32], 2), 1);
    const run = (w: Image): Float32Array =>
      tf.tidy(() => tf.relu(tf.conv2d(x, w, 1, 'same')).dataSync()) as Float32Array;
    const old = run(filter);
    const z = tf.conv2d(x, filter, 1, 'same');
    const step = { learningRate: 1, momentum: 0, decay: 0 };
    const next = momentumUpdate(filter, tf.zeros([3, 3, 16, 32]), tf.mul<Image>(filter, 2), step);
    const rotated = run(next.weight);
    const y = tf.relu(z);
    assert.deepEqual(y.dataSync(), old);
    const negative = tf.tidy(() => tf.relu(tf.neg(z)).dataSync());
    assert.ok(difference(resultOf(z, rotated), resultOf(z, negative)) < 1e-6);
    tf.dispose([z, y]);
    const { dataId } = next.weight;
    const again = momentumUpdate(next.weight, next.velocity, tf.mul<Image>(next.weight, 2), step);
    assert.equal(again.weight.dataId, dataId);
    assert.deepEqual(run(again.weight), old); // Twice minus: the filter is again what it was.
    tf.dispose([x, again.weight, again.velocity]);
  });

  it('keeps a filter in NCHWc from the second pass on, until it is overwritten or disposed', async () => {
    const x = [4, 7, 7, 16];
    const filter = (): Image => normal([3, 3, 16, 32], 2) as Image;
    const step = { learningRate: 0.1, momentum: 0, decay: 0 };
    // The same filter in place: used, overwritten, used.
    const inPlace = (): tf.Tensor[] => {
      const image = normal(x, 1) as Image;
      let [weight, velocity] = [tf.add<Image>(filter(), 0), tf.zerosLike(filter())];
      return [1, 2, 3].flatMap(() => {
        const outputs = [1, 2, 3].map(() => tf.add(tf.conv2d(image, weight, 1, 'same'), 0));
        ({ weight, velocity } = momentumUpdate(weight, velocity, filter(), step));
        return outputs;
      });
    };
    const expected = await on('cpu', inPlace);
    const found = await on('onnxruntime', inPlace);
    found.forEach((result, i) => assert.ok(difference(result, expected[i]!) < 1e-5, `pass ${i}`));

    const inUse = (): number => backend().statistics.inUse;
    const [image, weight] = [normal(x, 1) as Image, tf.add<Image>(filter(), 0)];
    const convolve = (): void => {
      const y = tf.conv2d(image, weight, 1, 'same');
      y.dataSync();
      y.dispose();
    };
    convolve();
    const once = inUse();
    convolve();
    const twice = inUse();
    assert.ok(twice >= once + weight.size, 'the filter is kept in NCHWc too');
    convolve();
    assert.equal(inUse(), twice);
    weight.dispose();
    assert.ok(inUse() <= once - weight.size, 'and goes with the tensor');
    image.dispose();
  });
});
