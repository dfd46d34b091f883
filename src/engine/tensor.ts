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
