// Caffe's .caffemodel: a NetParameter message in any of the three forms that its layers have had.
import { expected } from '../../../errors.js';
import { FileBytes } from '../../../formats/file-bytes.js';
import { type Message, fieldsOf, intsOf, isBytes, textOf } from '../../../formats/protobuf.js';
import { type SourceLayer, type SourceTensor, type WeightSource, inputPresets } from './source.js';
import { sizeFromShape } from '../../../shape.js';

/**
 * Field numbers of caffe.proto. V1 and V0 layers are both in NetParameter's field 2: a V0 one wraps its parameters in
 * field 1 of the connection.
 */
const forms = {
  v2: { name: 1, type: 2, blobs: 7 },
  v1: { name: 4, type: 5, blobs: 6 },
  v0: { name: 1, type: 2, blobs: 50 },
} as const;

type Form = keyof typeof forms;

/** Types of layers with weights, as the forms write them: a text, or V1's number. */
const convolution = ['Convolution', 'conv', 4];
const innerProduct = ['InnerProduct', 'innerproduct', 14];
const lrn = ['LRN', 'lrn', 15];
/** Data layers may carry a mean image or nothing; these carry weights that we do not understand. */
const unknown = ['BatchNorm', 'Scale', 'Deconvolution', 'PReLU', 'Bias', 'Embed', 'LSTM', 39];

interface CaffeLayer {
  readonly name: string;
  readonly type: string | number;
  readonly blobs: readonly Message[];
}

const layerOf = (file: FileBytes, message: Message, form: Form): CaffeLayer => {
  const numbers = forms[form];
  let name = '';
  let type: string | number = '';
  const blobs: Message[] = [];
  for (const field of fieldsOf(file, message)) {
    if (form === 'v1' && field.number === 1 && isBytes(field)) return layerOf(file, field, 'v0');
    if (field.number === numbers.name) name = textOf(file, field);
    else if (field.number === numbers.type)
      type = field.kind === 'varint' ? field.value : textOf(file, field);
    else if (field.number === numbers.blobs && isBytes(field)) blobs.push(field);
  }
  return { name, type, blobs };
};

/** A BlobProto: the old form has num, channels, height, width; the new one a shape. */
const blobOf = (file: FileBytes, message: Message, name: string): SourceTensor => {
  const old = [1, 1, 1, 1];
  let shape: number[] | undefined;
  let data: Message | undefined;
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
  return { name, shape, chunks: () => file.floats(offset, count, dtype) };
};

const squeezed = (tensor: SourceTensor, axes: number): SourceTensor => {
  const kept = tensor.shape.slice(-axes);
  const dropped = tensor.shape.slice(0, -axes);
  return dropped.every((n) => n === 1) ? { ...tensor, shape: kept } : tensor;
};

const weightsOf = (file: FileBytes, { name, type, blobs }: CaffeLayer): SourceLayer => {
  const [kernel, bias] = blobs.map((blob, i) => blobOf(file, blob, `${name}[${i}]`));
  if (!kernel) throw expected('weights', `the layer ${name} of ${file.path}`, 'none');
  const isMatrix = innerProduct.includes(type);
  return {
    name,
    kernel: isMatrix ? squeezed(kernel, 2) : kernel,
    axes: 'oihw',
    ...(bias ? { bias: squeezed(bias, 1) } : {}),
  };
};

/** Opens a .caffemodel. Layers without blobs (pooling, ReLU, data) are passed over. */
export const openCaffe = (path: string): Promise<WeightSource> => {
  const file = new FileBytes(path);
  try {
    const layers: CaffeLayer[] = [];
    let form: Form = 'v2';
    for (const field of fieldsOf(file, { offset: 0, length: file.size })) {
      if (!isBytes(field) || (field.number !== 2 && field.number !== 100)) continue;
      form = field.number === 100 ? 'v2' : 'v1';
      layers.push(layerOf(file, field, form));
    }
    const strange = layers.find(({ type, blobs }) => blobs.length > 0 && unknown.includes(type));
    if (strange) {
      throw expected(
        'only convolutions and inner products with weights',
        `the layer ${strange.name} of ${path}`,
        strange.type,
      );
    }
    const weighted = layers.filter(
      ({ type, blobs }) => blobs.length > 0 && [...convolution, ...innerProduct].includes(type),
    );
    return Promise.resolve({
      format: 'caffemodel',
      layers: weighted.map((layer) => weightsOf(file, layer)),
      lrn: layers.some(({ type }) => lrn.includes(type)),
      input: inputPresets.oxford,
      close: () => {
        file.close();
        return Promise.resolve();
      },
    });
  } catch (error) {
    file.close();
    throw error;
  }
};
