// The graph decides: what is the same net written otherwise gives the same weights, what is no VGG net is refused by name.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../../../src/errors.js';
import { openBackbone } from '../../../../src/backbone/nets/backbone.js';
import { importWeights } from '../../../../src/backbone/weights/importers/import.js';
import { withFolder } from '../../../support.js';
import { type TestNode, type TestTensor, onnxModel } from './onnx-file.js';
import { weightFile } from './support.js';

const [CHANNELS, SIDE, UNITS, CLASSES] = [2, 8, 5, 4];

/** Numbers that differ: a permutation of any axes would show. */
const counted = (seed: number, ...shape: number[]): TestTensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i)) };
};

/** A net A of one block, width 1/32, for inputs of 8 pixels: conv1_1, pool1, fc6 on a map of 4, fc7, fc8. */
const weights: Readonly<Record<string, TestTensor>> = {
  w1: counted(1, CHANNELS, 3, 3, 3),
  b1: counted(2, CHANNELS),
  w6: counted(3, UNITS, CHANNELS * 16),
  b6: counted(4, UNITS),
  w7: counted(5, UNITS, UNITS),
  b7: counted(6, UNITS),
  w8: counted(7, CLASSES, UNITS),
  b8: counted(8, CLASSES),
};

const conv: TestNode = {
  op: 'Conv',
  name: 'conv',
  inputs: ['x', 'w1', 'b1'],
  output: 'c',
  attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
};
const relu = (from: string, to: string): TestNode => ({ op: 'Relu', inputs: [from], output: to });
const pool: TestNode = {
  op: 'MaxPool',
  name: 'pool',
  inputs: ['r'],
  output: 'p',
  attributes: { kernel_shape: [2, 2], strides: [2, 2] },
};
const flatten: TestNode = { op: 'Flatten', inputs: ['p'], output: 'f' };
const gemm = (layer: number, from: string, to: string): TestNode => ({
  op: 'Gemm',
  name: `fc${layer}`,
  inputs: [from, `w${layer}`, `b${layer}`],
  output: to,
  attributes: { transB: 1 },
});
const head = [
  gemm(6, 'f', 'd6'),
  relu('d6', 'r6'),
  gemm(7, 'r6', 'd7'),
  relu('d7', 'r7'),
  gemm(8, 'r7', 's'),
];
const plain = [conv, relu('c', 'r'), pool, flatten, ...head];

const nchw = { name: 'x', shape: [1, 3, SIDE, SIDE] };
const nhwc = { name: 'input', shape: [1, SIDE, SIDE, 3] };

/** A matrix with its axes turned. */
const turned = ({ shape, data }: TestTensor): TestTensor => {
  const [rows, columns] = shape as [number, number];
  const numbers = Float32Array.from(
    { length: rows * columns },
    (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!,
  );
  return { shape: [columns, rows], data: numbers };
};

/** fc6 with the columns in the order rows, columns, channels. */
const channelsLast = ({ shape, data }: TestTensor): TestTensor => ({
  shape,
  data: Float32Array.from({ length: data.length }, (_, i) => {
    const [o, rest] = [Math.floor(i / (CHANNELS * 16)), i % (CHANNELS * 16)];
    return data[o * CHANNELS * 16 + (rest % CHANNELS) * 16 + Math.floor(rest / CHANNELS)]!;
  }),
});

const whole = (...data: number[]): TestTensor => ({ shape: [data.length], data });
const floats = (shape: readonly number[], ...data: number[]): TestTensor => ({
  shape,
  data: Float32Array.from(data),
});

const imported = async (model: Uint8Array) =>
  withFolder(async (folder) => {
    const [path, out] = [join(folder, 'net.onnx'), join(folder, 'net.safetensors')];
    await writeFile(path, model);
    const metadata = await importWeights(path, out);
    const backbone = await openBackbone(out);
    const read = async (name: string) =>
      backbone.tensors.has(name) ? Array.from(await backbone.read(name)) : undefined;
    const tensors = Object.fromEntries(
      await Promise.all(
        ['conv1_1', 'fc6', 'fc7', 'fc8'].map(async (name) => [name, await read(`${name}.weight`)] as const),
      ),
    );
    return { metadata, tensors, bias: await read('conv1_1.bias'), fc8Bias: await read('fc8.bias') };
  });

const refused = (model: Uint8Array, ...words: string[]): Promise<void> =>
  rejects(imported(model), (error) => {
    ok(error instanceof UsageError, String(error));
    for (const word of words) ok(error.message.includes(word), `${word} in: ${error.message}`);
    return true;
  });

const numbers = (name: string): number[] => Array.from(weights[name]!.data);

/** The net's own weights, in whatever form the graph had them. */
const checkSame = async (model: Uint8Array, close = false): Promise<void> => {
  const { metadata, tensors, bias, fc8Bias } = await imported(model);
  const { inputSize, fullyConnected, outputs } = metadata.architecture;
  deepEqual([inputSize, fullyConnected, outputs], [SIDE, UNITS, CLASSES]);
  for (const [name, layer] of [
    ['conv1_1', 'w1'],
    ['fc6', 'w6'],
    ['fc7', 'w7'],
    ['fc8', 'w8'],
  ] as const) {
    if (!close) deepEqual(tensors[name], numbers(layer), name);
    else tensors[name]!.forEach((value, i) => ok(Math.abs(value - numbers(layer)[i]!) < 1e-6, name));
  }
  deepEqual(fc8Bias, numbers('b8'));
  bias!.forEach((value, i) => ok(Math.abs(value - numbers('b1')[i]!) < 1e-6));
};

describe('ONNX graphs that are the same net', () => {
  it('in the plain form', () => checkSame(onnxModel(nchw, plain, weights)));

  it('with the channels last: fc6 is put in order', () => {
    const nodes: TestNode[] = [
      { op: 'Transpose', inputs: ['input'], output: 'x', attributes: { perm: [0, 3, 1, 2] } },
      conv,
      relu('c', 'r'),
      pool,
      { op: 'Transpose', inputs: ['p'], output: 't', attributes: { perm: [0, 2, 3, 1] } },
      { op: 'Reshape', inputs: ['t', 'shape'], output: 'f' },
      { op: 'MatMul', name: 'fc6', inputs: ['f', 'm6'], output: 'd6m' },
      { op: 'Add', inputs: ['d6m', 'b6'], output: 'd6' },
      ...head.slice(1),
    ];
    const m6 = turned(channelsLast(weights['w6']!));
    return checkSame(onnxModel(nhwc, nodes, { ...weights, m6, shape: whole(-1, CHANNELS * 16) }));
  });

  it('with transposes around every operator, and a bias by the last axis', () => {
    const nodes: TestNode[] = [
      { op: 'Transpose', inputs: ['input'], output: 'x', attributes: { perm: [0, 3, 1, 2] } },
      { ...conv, inputs: ['x', 'w1'] },
      { op: 'Transpose', inputs: ['c'], output: 'ct', attributes: { perm: [0, 2, 3, 1] } },
      { op: 'Add', inputs: ['ct', 'b1'], output: 'ca' },
      relu('ca', 'cr'),
      { op: 'Transpose', inputs: ['cr'], output: 'r', attributes: { perm: [0, 3, 1, 2] } },
      pool,
      flatten,
      ...head,
    ];
    return checkSame(onnxModel(nhwc, nodes, weights));
  });

  it('with constants through Identity and Transpose, padding as a node, a soft-max, and ReLU as a maximum', () => {
    const nodes: TestNode[] = [
      { op: 'Identity', inputs: ['w1'], output: 'w1i' },
      { op: 'Transpose', inputs: ['w6'], output: 'w6t', attributes: { perm: [1, 0] } },
      { op: 'Pad', inputs: ['x', 'pads'], output: 'xp' },
      { ...conv, inputs: ['xp', 'w1i', 'b1'], attributes: { kernel_shape: [3, 3] } },
      { op: 'Max', inputs: ['c', 'zero'], output: 'r' },
      pool,
      { op: 'Dropout', inputs: ['p'], output: 'po' },
      { op: 'Shape', inputs: ['po'], output: 'sh' },
      { op: 'Gather', inputs: ['sh', 'first'], output: 'n', attributes: { axis: 0 } },
      { op: 'Unsqueeze', inputs: ['n', 'axis'], output: 'n1' },
      { op: 'Concat', inputs: ['n1', 'rest'], output: 'target', attributes: { axis: 0 } },
      { op: 'Reshape', inputs: ['po', 'target'], output: 'f' },
      { op: 'MatMul', inputs: ['f', 'w6t'], output: 'd6m' },
      { op: 'Add', inputs: ['b6', 'd6m'], output: 'd6' },
      ...head.slice(1),
      { op: 'Softmax', inputs: ['s'], output: 'prob' },
    ];
    const more = {
      pads: whole(0, 0, 1, 1, 0, 0, 1, 1),
      zero: floats([], 0),
      first: { shape: [], data: [0] },
      axis: whole(0),
      rest: whole(-1),
    };
    return checkSame(onnxModel(nchw, nodes, { ...weights, ...more }));
  });

  it('with factors of Gemm, and a factor and a sum after the convolution', () => {
    const half = (tensor: TestTensor): TestTensor => ({
      ...tensor,
      data: Float32Array.from(tensor.data, (value) => value / 2),
    });
    const nodes: TestNode[] = [
      { ...conv, inputs: ['x', 'w1h', 'b1h'] },
      { op: 'Mul', inputs: ['c', 'two'], output: 'cm' },
      { op: 'Sub', inputs: ['cm', 'shift'], output: 'cs' },
      relu('cs', 'r'),
      pool,
      flatten,
      { ...head[0]!, inputs: ['f', 'w6h', 'b6'], attributes: { transB: 1, alpha: { float: 2 } } },
      ...head.slice(1),
    ];
    const shifted = {
      ...weights['b1']!,
      data: Float32Array.from(weights['b1']!.data, (value) => (value + 1) / 2),
    };
    const more = {
      w1h: half(weights['w1']!),
      b1h: shifted,
      two: floats([1, 2, 1, 1], 2, 2),
      shift: floats([2, 1, 1], 1, 1),
      w6h: half(weights['w6']!),
    };
    return checkSame(onnxModel(nchw, nodes, { ...weights, ...more }), true);
  });
});

describe('ONNX graphs that prepare the pixels', () => {
  const after = (nodes: readonly TestNode[], last: string): TestNode[] => [
    ...nodes,
    { ...conv, inputs: [last, 'w1', 'b1'] },
    ...plain.slice(1),
  ];
  const inputOf = async (nodes: readonly TestNode[], last: string, more: Record<string, TestTensor>) =>
    (await imported(onnxModel(nchw, after(nodes, last), { ...weights, ...more }))).metadata.input;

  it('by mean and deviation of pixels from 0 to 1', async () => {
    const { order, scale, mean, std } = await inputOf(
      [
        { op: 'Sub', inputs: ['x', 'mean'], output: 'a' },
        { op: 'Div', inputs: ['a', 'std'], output: 'b' },
      ],
      'b',
      { mean: floats([1, 3, 1, 1], 0.485, 0.456, 0.406), std: floats([1, 3, 1, 1], 0.229, 0.224, 0.225) },
    );
    deepEqual([order, scale, mean, std], ['rgb', 1 / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]);
  });

  it('by turning the colours round and taking the mean off', async () => {
    const { order, scale, mean, std } = await inputOf(
      [
        { op: 'Gather', inputs: ['x', 'order'], output: 'a', attributes: { axis: 1 } },
        { op: 'Sub', inputs: ['a', 'mean'], output: 'b' },
      ],
      'b',
      { order: whole(2, 1, 0), mean: floats([3, 1, 1], 103.939, 116.779, 123.68) },
    );
    deepEqual([order, scale, mean, std], ['bgr', 1, [103.939, 116.779, 123.68], [1, 1, 1]]);
  });

  it('or refuses what is no arithmetic by colour', () =>
    refused(
      onnxModel(
        nchw,
        after([{ op: 'Sub', name: 'average_image', inputs: ['x', 'image'], output: 'a' }], 'a'),
        {
          ...weights,
          image: counted(9, 3, SIDE, SIDE),
        },
      ),
      'average_image (Sub)',
      '[3, 8, 8]',
    ));
});

describe('ONNX graphs that are another net', () => {
  const replaced = (from: TestNode, ...to: TestNode[]): TestNode[] =>
    plain.flatMap((node) => (node === from ? to : [node]));
  const withAttributes = (node: TestNode, attributes: TestNode['attributes']): TestNode[] =>
    replaced(node, { ...node, attributes: { ...node.attributes, ...attributes } });
  const first = plain[1]!;
  const cases: readonly (readonly [string, readonly TestNode[], readonly string[]])[] = [
    [
      'average pooling',
      replaced(pool, { ...pool, op: 'AveragePool' }),
      ['pool (AveragePool)', 'average pooling'],
    ],
    [
      'a global average',
      replaced(flatten, { op: 'GlobalAveragePool', name: 'gap', inputs: ['p'], output: 'f' }),
      ['gap (GlobalAveragePool)'],
    ],
    ['LeakyReLU', replaced(first, { ...first, op: 'LeakyRelu', name: 'leaky' }), ['leaky (LeakyRelu)']],
    [
      'a bounded ReLU',
      replaced(first, { op: 'Clip', name: 'six', inputs: ['c', 'zero', 'six'], output: 'r' }),
      ['six (Clip)'],
    ],
    [
      'no ReLU',
      replaced(first, { op: 'Identity', inputs: ['c'], output: 'r' }),
      ['conv (Conv)', 'without ReLU'],
    ],
    ['another stride', withAttributes(conv, { strides: [2, 2] }), ['conv (Conv)', 'stride 2x2']],
    [
      'another padding',
      withAttributes(conv, { pads: [1, 1, 0, 0] }),
      ['conv (Conv)', 'padding [1, 1, 0, 0]'],
    ],
    ['no padding', withAttributes(conv, { pads: [0, 0, 0, 0] }), ['conv (Conv)', 'without padding']],
    ['dilation', withAttributes(conv, { dilations: [2, 2] }), ['conv (Conv)', 'dilated']],
    ['another pool', withAttributes(pool, { kernel_shape: [3, 3] }), ['pool (MaxPool)', '3x3']],
    [
      'a residual sum',
      replaced(first, first, { op: 'Add', name: 'sum', inputs: ['r', 'c'], output: 'rr' }),
      ['branches'],
    ],
    [
      'an activation after fc6',
      replaced(head[1]!, { ...head[1]!, op: 'Tanh', name: 'tanh6' }),
      ['tanh6 (Tanh)'],
    ],
    ['another operator', replaced(first, { ...first, op: 'Gelu', name: 'gelu' }), ['gelu (Gelu)']],
  ];
  for (const [what, nodes, words] of cases) {
    it(`refuses ${what} by its name`, () =>
      refused(onnxModel(nchw, nodes, { ...weights, zero: floats([], 0), six: floats([], 6) }), ...words));
  }

  it('takes a net as far as fc7 where another head follows, and tells what it leaves out', async () => {
    const nodes = [...plain, relu('s', 'sr'), { ...gemm(9, 'sr', 'out'), name: 'extra' }];
    const more = { ...weights, w9: counted(9, 2, CLASSES), b9: counted(10, 2) };
    const { metadata, tensors } = await imported(onnxModel(nchw, nodes, more));
    equal(metadata.architecture.outputs, 0);
    deepEqual(tensors['fc7'], numbers('w7'));
    deepEqual(metadata.source?.['leftOut'], ['fc8', 'extra']);
  });
});

describe('Keras models that are another net', () => {
  interface Layer {
    class_name: string;
    name: string;
    config: Record<string, unknown>;
    inbound_nodes: { args: [{ config: { keras_history: [string, number, number] } }] }[];
  }
  const refusedWith = (change: (layers: Layer[]) => void, ...words: string[]): Promise<void> =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'model'));
      const path = join(folder, 'model', 'model.json');
      for (const shard of ['group1-shard1of2.bin', 'group1-shard2of2.bin'])
        await copyFile(weightFile(`tfjs-vgg11/${shard}`), join(folder, 'model', shard));
      const model = JSON.parse(await readFile(weightFile('tfjs-vgg11/model.json'), 'utf8')) as {
        modelTopology: { model_config: { config: { layers: Layer[] } } };
      };
      change(model.modelTopology.model_config.config.layers);
      await writeFile(path, JSON.stringify(model));
      await rejects(importWeights(path, join(folder, 'out')), (error) => {
        ok(error instanceof UsageError, String(error));
        for (const word of words) ok(error.message.includes(word), `${word} in: ${error.message}`);
        return true;
      });
    });
  const named = (layers: readonly Layer[], name: string): Layer =>
    layers.find((layer) => layer.name === name)!;
  const set =
    (name: string, config: Record<string, unknown>, className?: string) =>
    (layers: Layer[]): void => {
      const layer = named(layers, name);
      Object.assign(layer.config, config);
      if (className !== undefined) layer.class_name = className;
    };
  const cases: readonly (readonly [string, (layers: Layer[]) => void, readonly string[]])[] = [
    ['average pooling', set('block3_pool', {}, 'AveragePooling2D'), ['block3_pool (AveragePooling2D)']],
    ['a global average', set('flatten', {}, 'GlobalAveragePooling2D'), ['flatten (GlobalAveragePooling2D)']],
    ['LeakyReLU', set('block2_conv1', { activation: 'leaky_relu' }), ['block2_conv1 (Conv2D)', 'leaky_relu']],
    [
      'an activation that is a function',
      set('fc1', { activation: { class_name: 'Swish', config: {} } }),
      ['fc1 (Dense)', 'Swish'],
    ],
    [
      'no activation',
      set('block2_conv1', { activation: 'linear' }),
      ['block2_conv1 (Conv2D)', 'without ReLU'],
    ],
    ['a stride', set('block2_conv1', { strides: [2, 2] }), ['block2_conv1 (Conv2D)', 'stride 2x2']],
    ['no padding', set('block2_conv1', { padding: 'valid' }), ['block2_conv1 (Conv2D)', 'without padding']],
    ['dilation', set('block2_conv1', { dilation_rate: [2, 2] }), ['block2_conv1 (Conv2D)', 'dilated']],
    ['groups', set('block2_conv1', { groups: 2 }), ['block2_conv1 (Conv2D)', '2 groups']],
    ['another pool', set('block1_pool', { pool_size: [3, 3] }), ['block1_pool (MaxPooling2D)', '3x3']],
    ['another layer', set('block1_pool', {}, 'UpSampling2D'), ['block1_pool (UpSampling2D)']],
    [
      'a value that is used twice',
      (layers) => {
        const history = named(layers, 'block3_conv2').inbound_nodes[0]!.args[0].config.keras_history;
        history[0] = 'block2_pool';
      },
      ['branches'],
    ],
  ];
  for (const [what, change, words] of cases)
    it(`refuses ${what} by the layer's name`, () => refusedWith(change, ...words));

  it('refuses average pooling in a Caffe net', () =>
    withFolder((folder) =>
      rejects(
        importWeights(weightFile('hostile/average.caffemodel'), join(folder, 'x')),
        /pool1 \(Pooling\) is average pooling/,
      ),
    ));
});
