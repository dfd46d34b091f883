// Reads Caffe's .caffemodel: a NetParameter message with layers in any of Caffe's three forms.
import { expected } from '../errors.js';
import { sizeFromShape } from '../shape.js';
import { FileBytes } from './file-bytes.js';
import { type Field, type Message, fieldsOf, float32sOf, intsOf, isBytes, textOf } from './protobuf.js';
import type { LazyTensor } from './tensor.js';

/** A layer as the file describes it. */
export interface CaffeLayer {
  readonly name: string;
  /** The type's current name ("Convolution"), or "type 39" for an unknown number. */
  readonly type: string;
  readonly bottoms: readonly string[];
  readonly tops: readonly string[];
  readonly blobs: readonly LazyTensor[];
  /** Fields of the layer's parameters by caffe.proto's names; undefined if missing from the file. */
  readonly parameters: Readonly<Record<string, number | readonly number[]>> | undefined;
}

/** An open model. The caller closes it. */
interface CaffeFile {
  readonly path: string;
  readonly layers: readonly CaffeLayer[];
  close(): void;
}

/** V1's type numbers; V0's names are the current ones in lower case, except for these. */
const v1Types: Readonly<Record<number, string>> = {
  ...{
    2: 'BNLL',
    3: 'Concat',
    4: 'Convolution',
    5: 'Data',
    6: 'Dropout',
    8: 'Flatten',
    9: 'HDF5Data',
    12: 'ImageData',
  },
  ...{
    14: 'InnerProduct',
    15: 'LRN',
    17: 'Pooling',
    18: 'ReLU',
    19: 'Sigmoid',
    20: 'Softmax',
    21: 'SoftmaxWithLoss',
  },
  ...{
    22: 'Split',
    23: 'TanH',
    25: 'Eltwise',
    26: 'Power',
    24: 'WindowData',
    29: 'MemoryData',
    30: 'ArgMax',
    1: 'Accuracy',
  },
  ...{ 32: 'DummyData', 39: 'Deconvolution' },
};
const v0Types: Readonly<Record<string, string>> = {
  ...{ conv: 'Convolution', innerproduct: 'InnerProduct', relu: 'ReLU', pool: 'Pooling', lrn: 'LRN' },
  ...{
    dropout: 'Dropout',
    softmax: 'Softmax',
    softmax_loss: 'SoftmaxWithLoss',
    flatten: 'Flatten',
    data: 'Data',
  },
  ...{
    padding: 'Padding',
    split: 'Split',
    accuracy: 'Accuracy',
    concat: 'Concat',
    sigmoid: 'Sigmoid',
    tanh: 'TanH',
  },
};

/**
 * Field numbers of caffe.proto; V1 and V0 layers are both in NetParameter's field 2: a V0 layer is field 1 of
 * a V1 layer.
 */
const forms = {
  v2: { name: 1, type: 2, bottom: 3, top: 4, blobs: 7 },
  v1: { name: 4, type: 5, bottom: 2, top: 3, blobs: 6 },
} as const;
const v0 = { name: 1, type: 2, blobs: 50 } as const;
const V0_LAYER = 1;

type Names = Readonly<Record<number, string>>;

const convolution: Names = {
  ...{
    1: 'num_output',
    2: 'bias_term',
    3: 'pad',
    4: 'kernel_size',
    5: 'group',
    6: 'stride',
    9: 'pad_h',
    10: 'pad_w',
  },
  ...{ 11: 'kernel_h', 12: 'kernel_w', 13: 'stride_h', 14: 'stride_w', 18: 'dilation' },
};
const pooling: Names = {
  ...{ 1: 'pool', 2: 'kernel_size', 3: 'stride', 4: 'pad', 5: 'kernel_h', 6: 'kernel_w', 7: 'stride_h' },
  ...{ 8: 'stride_w', 9: 'pad_h', 10: 'pad_w', 12: 'global_pooling' },
};
const lrn: Names = { 1: 'local_size', 2: 'alpha', 3: 'beta', 4: 'norm_region', 5: 'k' };
const relu: Names = { 1: 'negative_slope' };
const innerProduct: Names = { 1: 'num_output', 2: 'bias_term', 5: 'axis', 6: 'transpose' };

/** The field of a layer that holds a type's parameters. */
const parameterFields: Readonly<Record<'v2' | 'v1', Readonly<Record<string, readonly [number, Names]>>>> = {
  v2: {
    ...{ Convolution: [106, convolution], InnerProduct: [117, innerProduct], LRN: [118, lrn] },
    ...{ Pooling: [121, pooling], ReLU: [123, relu] },
  },
  v1: {
    ...{ Convolution: [10, convolution], InnerProduct: [17, innerProduct], LRN: [18, lrn] },
    ...{ Pooling: [19, pooling], ReLU: [30, relu] },
  },
};
/** V0 stores all parameters in the layer itself. */
const v0Parameters: Names = {
  ...{ 3: 'num_output', 4: 'bias_term', 7: 'pad', 8: 'kernel_size', 9: 'group', 10: 'stride', 11: 'pool' },
  ...{ 13: 'local_size', 14: 'alpha', 15: 'beta', 22: 'k' },
};

/**
 * A BlobProto: the old form has num, channels, height, width; the new form has a shape. Numbers are packed.
 */
const blobOf = (file: FileBytes, message: Message, name: string): LazyTensor => {
  const old = [1, 1, 1, 1];
  let shape: number[] | undefined;
  let data: (Field & { kind: 'bytes' }) | undefined;
  let dtype: 'F32' | 'F64' = 'F32';
  for (const field of fieldsOf(file, message)) {
    if (field.number >= 1 && field.number <= 4 && field.kind === 'varint')
      old[field.number - 1] = field.value;
    else if (field.number === 7 && isBytes(field)) {
      shape = [...fieldsOf(file, field)].flatMap((f) => (f.number === 1 ? intsOf(file, f) : []));
    } else if (field.number === 5 || field.number === 8) {
      if (!isBytes(field)) throw file.wrong(`the numbers of ${name} are not packed`);
      dtype = field.number === 8 ? 'F64' : 'F32';
      data = field;
    }
  }
  shape ??= old;
  const count = sizeFromShape(shape);
  const bytes = dtype === 'F64' ? 8 : 4;
  if (!data || data.length !== count * bytes) {
    throw expected(
      `${count} numbers (${JSON.stringify(shape)})`,
      `the blob of ${name} in ${file.path}`,
      (data?.length ?? 0) / bytes,
    );
  }
  const { offset } = data;
  return { name, shape, dtype, chunks: () => file.floats(offset, count, dtype) };
};

/** A scalar field, or several of one name (a stride for each axis). */
const numbersOf = (file: FileBytes, field: Field): number[] =>
  field.kind === 'fixed' && field.length === 8
    ? []
    : field.kind === 'fixed'
      ? float32sOf(file, field)
      : intsOf(file, field);

const parametersOf = (file: FileBytes, message: Message, names: Names): Record<string, number | number[]> => {
  const values: Record<string, number | number[]> = {};
  for (const field of fieldsOf(file, message)) {
    const name = names[field.number];
    if (name === undefined) continue;
    const found = numbersOf(file, field);
    const before = values[name];
    if (before === undefined && found.length === 1) values[name] = found[0]!;
    else values[name] = [...(before === undefined ? [] : [before].flat()), ...found];
  }
  return values;
};

const layerOf = (file: FileBytes, message: Message, form: 'v2' | 'v1'): CaffeLayer => {
  const numbers = forms[form];
  const [bottoms, tops, blobs]: [string[], string[], Message[]] = [[], [], []];
  let [name, type] = ['', ''];
  let inner: Message | undefined;
  for (const field of fieldsOf(file, message)) {
    if (form === 'v1' && field.number === V0_LAYER && isBytes(field)) inner = field;
    else if (field.number === numbers.name) name = textOf(file, field);
    else if (field.number === numbers.type) {
      type = field.kind === 'varint' ? (v1Types[field.value] ?? `type ${field.value}`) : textOf(file, field);
    } else if (field.number === numbers.bottom) bottoms.push(textOf(file, field));
    else if (field.number === numbers.top) tops.push(textOf(file, field));
    else if (field.number === numbers.blobs && isBytes(field)) blobs.push(field);
  }
  let parameters: CaffeLayer['parameters'];
  if (inner) {
    for (const field of fieldsOf(file, inner)) {
      if (field.number === v0.name) name = textOf(file, field);
      else if (field.number === v0.type) type = textOf(file, field);
      else if (field.number === v0.blobs && isBytes(field)) blobs.push(field);
    }
    type = v0Types[type] ?? type;
    const found = parametersOf(file, inner, v0Parameters);
    if (Object.keys(found).length > 0) parameters = found;
  } else {
    const place = Object.hasOwn(parameterFields[form], type) ? parameterFields[form][type] : undefined;
    for (const field of place ? fieldsOf(file, message) : []) {
      if (field.number === place![0] && isBytes(field)) parameters = parametersOf(file, field, place![1]);
    }
  }
  return {
    ...{ name, type, bottoms, tops, parameters },
    blobs: blobs.map((blob, i) => blobOf(file, blob, `${name}[${i}]`)),
  };
};

/** Opens a .caffemodel. @throws UsageError naming the file and what is wrong */
export const openCaffemodel = (path: string): CaffeFile => {
  const file = new FileBytes(path);
  try {
    const layers: CaffeLayer[] = [];
    for (const field of fieldsOf(file, { offset: 0, length: file.size })) {
      if (!isBytes(field) || (field.number !== 2 && field.number !== 100)) continue;
      layers.push(layerOf(file, field, field.number === 100 ? 'v2' : 'v1'));
    }
    return { path, layers, close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
};
