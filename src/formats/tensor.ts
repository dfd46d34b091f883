// What every reader of weights gives: tensors by name, whose numbers are read when they are asked for.
import { sizeFromShape } from '../shape.js';

/** A tensor of a weight file. Its numbers stay in the file until they are asked for. */
export interface LazyTensor {
  /** As the file calls it. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The stored type, as safetensors names types: "F32", "F16", …; of quantised weights that of the stored integers. */
  readonly dtype: string;
  /**
   * The numbers as float32 in the file's order (last axis fastest unless the reader says otherwise), in pieces.
   *
   * @throws UsageError naming file and tensor for a type that is not floating-point, or numbers that are not there
   */
  chunks(): AsyncIterable<Float32Array> | Iterable<Float32Array>;
}

/** An opened weight file. Whoever opens it closes it. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  close(): Promise<void>;
}

/** All numbers of a tensor. */
export const readAll = async (tensor: Pick<LazyTensor, 'shape' | 'chunks'>): Promise<Float32Array> => {
  const result = new Float32Array(sizeFromShape(tensor.shape));
  let done = 0;
  for await (const chunk of tensor.chunks()) {
    result.set(chunk, done);
    done += chunk.length;
  }
  return result;
};
