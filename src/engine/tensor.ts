// The tensors that go into and come out of ONNX Runtime sessions.

/** Element types that sessions take and give. */
export type TensorType = 'float32' | 'float16' | 'uint8' | 'int8' | 'int32' | 'int64';

export interface TensorData {
  float32: Float32Array;
  float16: Uint16Array;
  uint8: Uint8Array;
  int8: Int8Array;
  int32: Int32Array;
  int64: BigInt64Array;
}

/** A dense, row-major tensor in ordinary memory. */
export interface Tensor<T extends TensorType = TensorType> {
  readonly type: T;
  readonly dims: readonly number[];
  readonly data: TensorData[T];
}

/** ONNX's numbers of the element types. */
export const elementTypes: Readonly<Record<TensorType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
};
