// The common result of all readers of weights: tensors by name, with numbers that are read on demand.
import { sizeFromShape } from '../shape.js';

/** A tensor of a weight file. Its numbers are read on demand. */
export interface LazyTensor {
  /** The name in the file. */
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * The stored type, by its safetensors name: "F32", "F16", …; for quantised weights the type of the stored
   * integers.
   */
  readonly dtype: string;
  /**
   * The numbers as float32 in the file's order (last axis fastest unless the reader says otherwise), in
   * pieces.
   *
   * @throws UsageError naming file and tensor for a type that is not floating-point, or missing numbers
   */
  chunks(): AsyncIterable<Float32Array> | Iterable<Float32Array>;
}

/** An open weight file. The caller closes it. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  close(): Promise<void>;
}

/** Reads all numbers of a tensor. */
export const readAll = async (tensor: Pick<LazyTensor, 'shape' | 'chunks'>): Promise<Float32Array> => {
  const result = new Float32Array(sizeFromShape(tensor.shape));
  let done = 0;
  for await (const chunk of tensor.chunks()) {
    result.set(chunk, done);
    done += chunk.length;
  }
  return result;
};
