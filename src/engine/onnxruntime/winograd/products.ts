// The products of transformed tensors by ONNX Runtime, in the memory of this thread's loops.
import { sizeFromShape } from '../../../shape.js';
import { Value } from '../../ort.js';
import { PLANES } from './units.js';

/** Attributes of the 1 x 1 convolution that multiplies the 16 planes: a group each. */
export const PRODUCTS = {
  ...{ kernel_shape: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] },
  group: PLANES,
} as const;

/** Native values that are kept, until the memory moves. */
const MOST_VALUES = 256;
const values = new Map<string, Value>();
let memory: ArrayBufferLike | undefined;

const releaseValues = (): void => {
  for (const value of values.values()) value.release();
  values.clear();
};

/** Frees the native values if there are very many, as when shapes keep changing. To be called between tasks: within one they are in use. */
export const trimValues = (): void => {
  if (values.size > MOST_VALUES) releaseValues();
};

/** A native tensor over the first elements of an array in the memory of this thread's loops. */
export const valueIn = (array: Float32Array, dims: readonly number[]): Value => {
  if (array.buffer !== memory) {
    releaseValues();
    memory = array.buffer;
  }
  const key = `${array.byteOffset}:${dims.join()}`;
  let value = values.get(key);
  if (!value) values.set(key, (value = new Value(array.subarray(0, sizeFromShape(dims)), 'float32', dims)));
  return value;
};
