// The constants of an ONNX graph: initializers, Constant nodes, and their identities, reshapes, casts and
// transposes.
import type { OnnxFile, OnnxNode, OnnxTensor } from '../../../formats/onnx.js';
import { sizeFromShape } from '../../../shape.js';
import { transposed } from './permute.js';

/** The constants of a graph by value name. */
export interface Constants {
  get(name: string): OnnxTensor | undefined;
  /** A scalar constant. */
  number(name: string): number | undefined;
  /** For the output of a Transpose node: its input matrix. */
  untransposed(tensor: OnnxTensor): OnnxTensor | undefined;
  /** The length of a shape that the graph computes from a value's shape; undefined if unknown. */
  rank(name: string): number | undefined;
}

/** A constant from numbers in an attribute. */
const inline = (
  name: string,
  numbers: readonly number[],
  shape: readonly number[],
  whole: boolean,
): OnnxTensor => ({
  name,
  shape,
  dtype: whole ? 'I64' : 'F32',
  chunks: () => [Float32Array.from(numbers)],
  ints: () => (whole ? numbers : undefined),
});

const constantNode = ({ attributes, outputs }: OnnxNode): OnnxTensor | undefined => {
  const name = outputs[0] ?? '';
  const tensor = attributes.get('value')?.tensor;
  if (tensor) return { ...tensor, name: tensor.name || name };
  const [int, ints] = [attributes.get('value_int')?.int, attributes.get('value_ints')?.ints];
  const [float, floats] = [attributes.get('value_float')?.float, attributes.get('value_floats')?.floats];
  if (int !== undefined) return inline(name, [int], [], true);
  if (float !== undefined) return inline(name, [float], [], false);
  if (ints) return inline(name, ints, [ints.length], true);
  return floats && inline(name, floats, [floats.length], false);
};

/** A reshaped constant: 0 keeps a size, -1 infers it. */
const reshaped = (tensor: OnnxTensor, target: readonly number[]): OnnxTensor | undefined => {
  const sizes = target.map((n, i) => (n === 0 ? (tensor.shape[i] ?? 0) : n));
  const known = sizeFromShape(sizes.filter((n) => n > 0));
  const count = sizeFromShape(tensor.shape);
  const shape = sizes.map((n) => (n === -1 ? count / known : n));
  return sizeFromShape(shape) === count && shape.every(Number.isInteger) ? { ...tensor, shape } : undefined;
};

/** Operators by which a graph computes a shape from another value's shape. */
const shapeOps = new Set([
  'Shape',
  'Gather',
  'Slice',
  'Unsqueeze',
  'Squeeze',
  'Cast',
  'Identity',
  'Concat',
  'Reshape',
]);

/** Collects the constants of a graph. Their numbers stay in the file. */
export const constantsOf = ({ nodes, tensors }: OnnxFile): Constants => {
  const known = new Map<string, OnnxTensor>(tensors);
  const turned = new Map<OnnxTensor, OnnxTensor>();
  const makers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const output of node.outputs) makers.set(output, node);
    const name = node.outputs[0] ?? '';
    const made = fold(node, known, turned);
    if (made) known.set(name, made);
  }
  const rank = (name: string, depth = 0): number | undefined => {
    const constant = known.get(name);
    if (constant) return sizeFromShape(constant.shape);
    const node = makers.get(name);
    if (!node || depth > 64 || !shapeOps.has(node.op)) return undefined;
    if (node.op === 'Shape') {
      // From opset 15 on a node can give some of the sizes only: torch takes the batch this way.
      const [start, end] = [node.attributes.get('start')?.int ?? 0, node.attributes.get('end')?.int];
      return end === undefined || start < 0 || end < start ? undefined : end - start;
    }
    if (node.op === 'Slice') return undefined;
    // Gather of one index yields one number; a concatenation joins several.
    if (node.op === 'Gather') return sizeFromShape(known.get(node.inputs[1] ?? '')?.shape ?? [1]);
    if (node.op !== 'Concat') return rank(node.inputs[0] ?? '', depth + 1);
    const parts = node.inputs.map((input) => rank(input, depth + 1));
    return parts.reduce<number | undefined>(
      (sum, n) => (sum === undefined || n === undefined ? undefined : sum + n),
      0,
    );
  };
  return {
    get: (name) => (name === '' ? undefined : known.get(name)),
    number: (name) => {
      const tensor = known.get(name);
      if (!tensor || sizeFromShape(tensor.shape) !== 1) return undefined;
      const whole = tensor.ints();
      if (whole) return whole[0];
      for (const piece of tensor.chunks() as Iterable<Float32Array>) return piece[0];
      return undefined;
    },
    untransposed: (tensor) => turned.get(tensor),
    rank: (name) => rank(name),
  };
};

/** ONNX's Slice on constants: selects integers from a list, or along the first axis of a table. */
const sliced = (
  values: readonly number[],
  shape: readonly number[],
  node: OnnxNode,
  known: Known,
): number[] | undefined => {
  const [start, end, axis = 0, step = 1] = [1, 2, 3, 4].map(
    (i) => known.get(node.inputs[i] ?? '')?.ints()?.[0],
  );
  const [rows = 0, ...rest] = shape;
  if (start === undefined || end === undefined || axis !== 0 || Math.abs(step) !== 1) return undefined;
  const width = sizeFromShape(rest);
  const clamp = (n: number): number =>
    Math.min(Math.max(n < 0 ? n + rows : n, step < 0 ? -1 : 0), step < 0 ? rows - 1 : rows);
  const picked: number[] = [];
  for (let row = clamp(start); step < 0 ? row > clamp(end) : row < clamp(end); row += step) {
    picked.push(...values.slice(row * width, (row + 1) * width));
  }
  return picked;
};

const MAX_WHOLE = 64;

/** Integers that a graph computes from integers: torch's exporter computes the pads of F.pad this way. */
const wholeNumbers = (node: OnnxNode, known: Known): OnnxTensor | undefined => {
  const name = node.outputs[0] ?? '';
  const inputs = node.inputs.map((input) => known.get(input));
  const [first] = inputs;
  if (node.op === 'ConstantOfShape') {
    const shape = first?.ints();
    const [value = 0] = node.attributes.get('value')?.tensor?.ints() ?? [];
    if (!shape || sizeFromShape(shape) > MAX_WHOLE || node.attributes.get('value')?.tensor?.dtype === 'F32')
      return undefined;
    return inline(
      name,
      Array.from({ length: sizeFromShape(shape) }, () => value),
      shape,
      true,
    );
  }
  const values = first?.ints();
  if (!first || !values) return undefined;
  if (node.op === 'Concat') {
    const all = inputs.map((input) => input?.ints());
    const joined = all.flatMap((each) => each ?? []);
    return all.includes(undefined) || joined.length > MAX_WHOLE
      ? undefined
      : inline(name, joined, [joined.length], true);
  }
  if (node.op === 'Slice') {
    const picked = sliced(values, first.shape, node, known);
    const width = sizeFromShape(first.shape.slice(1));
    return (
      picked && inline(name, picked, [picked.length / Math.max(1, width), ...first.shape.slice(1)], true)
    );
  }
  if (node.op === 'Transpose' && first.shape.length === 2) {
    const [rows, columns] = first.shape as [number, number];
    const turned = Array.from(
      { length: rows * columns },
      (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!,
    );
    return inline(name, turned, [columns, rows], true);
  }
  return undefined;
};

type Known = ReadonlyMap<string, OnnxTensor>;

/** The result of a node that only changes a constant's name or shape. */
const fold = (
  node: OnnxNode,
  known: ReadonlyMap<string, OnnxTensor>,
  turned: Map<OnnxTensor, OnnxTensor>,
): OnnxTensor | undefined => {
  if (node.op === 'Constant') return constantNode(node);
  const whole = wholeNumbers(node, known);
  if (whole) return whole;
  const [input, second] = [known.get(node.inputs[0] ?? ''), known.get(node.inputs[1] ?? '')];
  if (!input) return undefined;
  const axes = (): readonly number[] | undefined => node.attributes.get('axes')?.ints ?? second?.ints();
  switch (node.op) {
    case 'Identity':
    case 'Cast':
    case 'Dropout':
      return input;
    case 'Reshape': {
      const target = node.attributes.get('shape')?.ints ?? second?.ints();
      return target && reshaped(input, target);
    }
    case 'Flatten': {
      const axis = node.attributes.get('axis')?.int ?? 1;
      return reshaped(input, [
        sizeFromShape(input.shape.slice(0, axis)),
        sizeFromShape(input.shape.slice(axis)),
      ]);
    }
    case 'Squeeze': {
      const removed = axes()?.map((axis) => (axis < 0 ? axis + input.shape.length : axis));
      return { ...input, shape: input.shape.filter((n, i) => (removed ? !removed.includes(i) : n !== 1)) };
    }
    case 'Unsqueeze': {
      const added = axes() ?? [];
      const shape = [...input.shape];
      const rank = shape.length + added.length;
      for (const axis of added.map((n) => (n < 0 ? n + rank : n)).sort((a, b) => a - b))
        shape.splice(axis, 0, 1);
      return { ...input, shape };
    }
    case 'Transpose': {
      const perm = node.attributes.get('perm')?.ints ?? input.shape.map((_, i) => input.shape.length - 1 - i);
      if (perm.length !== input.shape.length || !perm.every((axis) => axis >= 0 && axis < perm.length))
        return undefined;
      const made: OnnxTensor = { ...input, ...transposed(input, perm), ints: () => undefined };
      if (perm.length === 2 && perm[0] === 1) turned.set(made, input);
      return made;
    }
    default:
      return undefined;
  }
};
