// ONNX models: the convolutions and matrix products of a graph in order, their weights inside or in a file beside it.
import { basename, dirname, join, normalize } from 'node:path';
import { UsageError, expected } from '../../../errors.js';
import { FileBytes } from '../../../formats/file-bytes.js';
import { type Field, type Message, fieldsOf, intsOf, isBytes, textOf } from '../../../formats/protobuf.js';
import { NOTE, readNote } from '../../nets/note.js';
import { type SourceLayer, type SourceTensor, type WeightSource, inputPresets } from './source.js';
import { sizeFromShape } from '../../../shape.js';

/** TensorProto.DataType of the floating-point types. */
const types: Readonly<Record<number, 'F32' | 'F16' | 'F64' | 'BF16'>> = {
  1: 'F32',
  10: 'F16',
  11: 'F64',
  16: 'BF16',
};
const sizes = { F32: 4, F16: 2, F64: 8, BF16: 2 } as const;

interface Node {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<
    string,
    { readonly int?: number; readonly float?: number; readonly tensor?: Message }
  >;
}

const attributeOf = (file: FileBytes, message: Message) => {
  let name = '';
  const value: { int?: number; float?: number; tensor?: Message } = {};
  for (const field of fieldsOf(file, message)) {
    if (field.number === 1) name = textOf(file, field);
    else if (field.number === 3 && field.kind === 'varint') value.int = field.value;
    else if (field.number === 2 && field.kind === 'fixed') {
      value.float = Buffer.from(file.read(field.offset, 4)).readFloatLE();
    } else if (field.number === 5 && isBytes(field)) value.tensor = field;
  }
  return [name, value] as const;
};

const nodeOf = (file: FileBytes, message: Message): Node => {
  const texts: Record<number, string[]> = { 1: [], 2: [], 3: [], 4: [] };
  const attributes: (readonly [string, { int?: number; float?: number; tensor?: Message }])[] = [];
  for (const field of fieldsOf(file, message)) {
    if (field.number >= 1 && field.number <= 4) texts[field.number]!.push(textOf(file, field));
    else if (field.number === 5 && isBytes(field)) attributes.push(attributeOf(file, field));
  }
  return {
    op: texts[4]![0] ?? '',
    name: texts[3]![0] ?? '',
    inputs: texts[1]!,
    outputs: texts[2]!,
    attributes: new Map(attributes),
  };
};

/** Keeps the files of external data open, by their names. */
class Folder {
  readonly #main: FileBytes;
  readonly #files = new Map<string, FileBytes>();

  constructor(main: FileBytes) {
    this.#main = main;
  }

  /** @throws UsageError for a name that leaves the folder of the model, or a file that is not there */
  file(location: string): FileBytes {
    const clean = normalize(location);
    if (clean.startsWith('..') || clean.startsWith('/') || /^[a-z]:|\\/i.test(clean)) {
      throw expected('a file in the folder of the model', `external data of ${this.#main.path}`, location);
    }
    let file = this.#files.get(clean);
    if (!file) {
      file = new FileBytes(join(dirname(this.#main.path), clean));
      this.#files.set(clean, file);
    }
    return file;
  }

  close(): void {
    this.#main.close();
    for (const file of this.#files.values()) file.close();
  }
}

const entryOf = (file: FileBytes, field: Message): readonly [string, string] => {
  const texts = ['', ''];
  for (const inner of fieldsOf(file, field)) {
    if (inner.number === 1 || inner.number === 2) texts[inner.number - 1] = textOf(file, inner);
  }
  return [texts[0]!, texts[1]!];
};

const tensorOf = (file: FileBytes, folder: Folder, message: Message, given = ''): SourceTensor => {
  const shape: number[] = [];
  const external = new Map<string, string>();
  let [name, type, location]: [string, number, number] = [given, 0, 0];
  let data: (Field & { kind: 'bytes' }) | undefined;
  for (const field of fieldsOf(file, message)) {
    if (field.number === 1) shape.push(...intsOf(file, field));
    else if (field.number === 2 && field.kind === 'varint') type = field.value;
    else if (field.number === 8) name = textOf(file, field);
    else if ((field.number === 4 || field.number === 9 || field.number === 10) && isBytes(field))
      data = field;
    else if (field.number === 13 && isBytes(field)) external.set(...entryOf(file, field));
    else if (field.number === 14 && field.kind === 'varint') location = field.value;
  }
  const count = sizeFromShape(shape);
  const dtype = types[type];
  return {
    name,
    shape,
    chunks: () => {
      const at = `the tensor ${name} of ${file.path}`;
      if (!dtype) throw expected('a floating-point type', at, `type ${type}`);
      const length = count * sizes[dtype];
      if (location === 1) {
        const offset = Number(external.get('offset') ?? 0);
        return folder.file(external.get('location') ?? '').floats(offset, count, dtype);
      }
      if (data?.length !== length) throw expected(`${length} bytes`, at, data?.length ?? 0);
      return file.floats(data.offset, count, dtype);
    },
  };
};

/** Operators of nets in 8 bits. */
const isQuantised = ({ op }: Node): boolean =>
  /^(QLinear|QGemm|(Dynamic)?Quantize|Dequantize|ConvInteger|MatMulInteger)/.test(op);

interface Graph {
  readonly nodes: readonly Node[];
  readonly tensors: ReadonlyMap<string, SourceTensor>;
}

const graphOf = (file: FileBytes, folder: Folder, message: Message): Graph => {
  const nodes: Node[] = [];
  const tensors = new Map<string, SourceTensor>();
  for (const field of fieldsOf(file, message)) {
    if (!isBytes(field)) continue;
    if (field.number === 1) {
      const node = nodeOf(file, field);
      const constant = node.op === 'Constant' ? node.attributes.get('value')?.tensor : undefined;
      if (constant) tensors.set(node.outputs[0] ?? '', tensorOf(file, folder, constant, node.outputs[0]));
      else if (node.op === 'Identity' && tensors.has(node.inputs[0] ?? '')) {
        tensors.set(node.outputs[0] ?? '', tensors.get(node.inputs[0]!)!);
      } else nodes.push(node);
    } else if (field.number === 5) {
      const tensor = tensorOf(file, folder, field);
      tensors.set(tensor.name, tensor);
    }
  }
  return { nodes, tensors };
};

/** Layers with weights; a MatMul's bias is the Add after it, batch normalisation belongs to the convolution before. */
const layersOf = (path: string, { nodes, tensors }: Graph): SourceLayer[] => {
  const layers: SourceLayer[] = [];
  const weight = (node: Node, i: number): SourceTensor | undefined => tensors.get(node.inputs[i] ?? '');
  for (const [at, node] of nodes.entries()) {
    const name = node.name || (node.outputs[0] ?? node.op);
    if (node.op === 'Conv' || node.op === 'Gemm') {
      const [kernel, bias] = [weight(node, 1), weight(node, 2)];
      if (!kernel) throw expected('constant weights', `the node ${name} of ${path}`, node.inputs[1]);
      const transposed = node.op === 'Conv' || node.attributes.get('transB')?.int === 1;
      const flat: SourceTensor | undefined = bias && {
        ...bias,
        shape: [sizeFromShape(bias.shape)],
      };
      layers.push({ name, kernel, axes: transposed ? 'oihw' : 'ihwo', ...(flat ? { bias: flat } : {}) });
    } else if (node.op === 'MatMul' && weight(node, 1)) {
      const add = nodes
        .slice(at + 1)
        .find(({ op, inputs }) => op === 'Add' && inputs.includes(node.outputs[0]!));
      const bias = add && (weight(add, 0) ?? weight(add, 1));
      layers.push({ name, kernel: weight(node, 1)!, axes: 'ihwo', ...(bias ? { bias } : {}) });
    } else if (node.op === 'BatchNormalization') {
      const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => weight(node, i));
      const convolution = layers.at(-1);
      if (!gamma || !beta || !mean || !variance || !convolution) {
        throw expected('constant weights after a convolution', `the node ${name} of ${path}`, node.inputs);
      }
      const epsilon = node.attributes.get('epsilon')?.float ?? 1e-5;
      layers[layers.length - 1] = { ...convolution, norm: { gamma, beta, mean, variance, epsilon } };
    }
  }
  return layers;
};

/** Opens an ONNX model; external data must lie in the model's folder. */
export const openOnnx = (path: string): Promise<WeightSource> => {
  const file = new FileBytes(path);
  const folder = new Folder(file);
  try {
    let graph: Graph | undefined;
    let note: string | undefined;
    let hasOpset = false;
    for (const field of fieldsOf(file, { offset: 0, length: file.size })) {
      if (field.number === 7 && isBytes(field)) graph = graphOf(file, folder, field);
      else if (field.number === 8) hasOpset = true;
      else if (field.number === 14 && isBytes(field)) {
        const [key, value] = entryOf(file, field);
        if (key === NOTE) note = value;
      }
    }
    if (graph && !hasOpset) throw file.wrong('it names no operator set');
    if (!graph)
      throw new UsageError(
        `Expected a graph in the ONNX model ${basename(path)} (${path}) but received none.`,
      );
    const quantised = graph.nodes.find(isQuantised);
    if (quantised) {
      throw new UsageError(
        `Expected weights in floating point in the ONNX model ${basename(path)} (${path}) but received a quantised net ` +
          `(operator ${quantised.op}): its weights are rounded to 8 bits. Import the float32 file that it was made from.`,
      );
    }
    return Promise.resolve({
      format: 'onnx',
      layers: layersOf(path, graph),
      lrn: graph.nodes.some(({ op }) => op === 'LRN'),
      input: inputPresets.torchvision,
      ...readNote(path, note),
      close: () => {
        folder.close();
        return Promise.resolve();
      },
    });
  } catch (error) {
    folder.close();
    throw error;
  }
};
