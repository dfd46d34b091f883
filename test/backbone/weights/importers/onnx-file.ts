// Writes small ONNX models for tests, field by field of onnx.proto.

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes;
};

const number = (field: number, value: number): Buffer =>
  Buffer.from([...varint(field * 8), ...varint(value)]);

const bytes = (field: number, content: Uint8Array | string): Buffer => {
  const data = Buffer.from(content);
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(data.length)]), data]);
};

const float = (field: number, value: number): Buffer => {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([Buffer.from(varint(field * 8 + 5)), data]);
};

type Attribute = number | string | readonly number[] | { readonly float: number };

export interface TestNode {
  readonly op: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

const attribute = ([name, value]: [string, Attribute]): Buffer =>
  Buffer.concat([
    bytes(1, name),
    ...(typeof value === 'number'
      ? [number(3, value)]
      : typeof value === 'string'
        ? [bytes(4, value)]
        : 'float' in value
          ? [float(2, value.float)]
          : value.map((each) => number(8, each))),
  ]);

const node = ({ op, name, inputs, output, attributes = {} }: TestNode): Buffer =>
  Buffer.concat([
    ...inputs.map((input) => bytes(1, input)),
    bytes(2, output),
    bytes(3, name ?? output),
    bytes(4, op),
    ...Object.entries(attributes).map((each) => bytes(5, attribute(each))),
  ]);

/** Numbers of a constant: float32, or whole numbers as int64. */
export interface TestTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | readonly number[];
}

const tensor = ([name, { shape, data }]: [string, TestTensor]): Buffer => {
  const isFloat = data instanceof Float32Array;
  const raw = isFloat ? new Uint8Array(data.buffer) : new Uint8Array(BigInt64Array.from(data, BigInt).buffer);
  return Buffer.concat([
    ...shape.map((n) => number(1, n)),
    number(2, isFloat ? 1 : 7),
    bytes(8, name),
    bytes(9, raw),
  ]);
};

/** A ValueInfoProto of a float tensor. */
const value = (name: string, shape: readonly number[]): Buffer => {
  const axes = shape.map((n) => bytes(1, number(1, n)));
  const type = Buffer.concat([number(1, 1), bytes(2, Buffer.concat(axes))]);
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, type))]);
};

/** The bytes of a model. */
export const onnxModel = (
  input: { readonly name: string; readonly shape: readonly number[] },
  nodes: readonly TestNode[],
  tensors: Readonly<Record<string, TestTensor>>,
  producer = 'test',
): Buffer => {
  const graph = Buffer.concat([
    ...nodes.map((each) => bytes(1, node(each))),
    ...Object.entries(tensors).map((each) => bytes(5, tensor(each))),
    bytes(11, value(input.name, input.shape)),
    bytes(12, value(nodes.at(-1)!.output, [1, 1])),
  ]);
  return Buffer.concat([number(1, 8), bytes(2, producer), bytes(7, graph), bytes(8, number(2, 17))]);
};
