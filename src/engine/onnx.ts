// Writes ONNX models: a graph is built node by node and encoded with protobufjs.
import protobuf from 'protobufjs';
import { UsageError, expected } from '../errors.js';
import { type Tensor, type TensorType, elementTypes } from './tensor.js';
import { sizeFromShape } from '../shape.js';

const field = (type: string, id: number, rule?: 'repeated'): protobuf.IField => ({
  type,
  id,
  ...(rule && { rule }),
});

/** The messages of onnx.proto that a writer needs, with their field numbers. */
const schema: protobuf.INamespace = {
  nested: {
    Entry: { fields: { key: field('string', 1), value: field('string', 2) } },
    Opset: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    Dimension: {
      oneofs: { value: { oneof: ['size', 'name'] } },
      fields: { size: field('int64', 1), name: field('string', 2) },
    },
    Shape: { fields: { dim: field('Dimension', 1, 'repeated') } },
    TensorKind: { fields: { elemType: field('int32', 1), shape: field('Shape', 2) } },
    Kind: { fields: { tensorType: field('TensorKind', 1) } },
    ValueInfo: { fields: { name: field('string', 1), type: field('Kind', 2) } },
    TensorData: {
      fields: {
        dims: field('int64', 1, 'repeated'),
        dataType: field('int32', 2),
        name: field('string', 8),
        rawData: field('bytes', 9),
        externalData: field('Entry', 13, 'repeated'),
        dataLocation: field('int32', 14),
      },
    },
    Attribute: {
      fields: {
        name: field('string', 1),
        f: field('float', 2),
        i: field('int64', 3),
        s: field('bytes', 4),
        t: field('TensorData', 5),
        floats: field('float', 7, 'repeated'),
        ints: field('int64', 8, 'repeated'),
        type: field('int32', 20),
      },
    },
    Node: {
      fields: {
        input: field('string', 1, 'repeated'),
        output: field('string', 2, 'repeated'),
        name: field('string', 3),
        opType: field('string', 4),
        attribute: field('Attribute', 5, 'repeated'),
        domain: field('string', 7),
      },
    },
    Graph: {
      fields: {
        node: field('Node', 1, 'repeated'),
        name: field('string', 2),
        initializer: field('TensorData', 5, 'repeated'),
        input: field('ValueInfo', 11, 'repeated'),
        output: field('ValueInfo', 12, 'repeated'),
      },
    },
    Model: {
      fields: {
        irVersion: field('int64', 1),
        producerName: field('string', 2),
        graph: field('Graph', 7),
        opsetImport: field('Opset', 8, 'repeated'),
        metadataProps: field('Entry', 14, 'repeated'),
      },
    },
  },
};

const root = protobuf.Root.fromJSON(schema);
const [Model, Graph, TensorData] = ['Model', 'Graph', 'TensorData'].map((name) => root.lookupType(name)) as [
  protobuf.Type,
  protobuf.Type,
  protobuf.Type,
];

const IR_VERSION = 10;
/** The operator sets that a model may use, and their versions. */
const opsets: Readonly<Record<string, number>> = {
  '': 21,
  'com.microsoft': 1,
  'com.microsoft.nchwc': 1,
};

/** Attributes that hold floating-point numbers; every other number is an integer. An operator a row. */
const floatAttributes: Readonly<Record<string, readonly string[]>> = {
  BatchNormalization: ['epsilon', 'momentum'],
  Celu: ['alpha'],
  Elu: ['alpha'],
  FusedConv: ['activation_params'],
  FusedGemm: ['alpha', 'beta', 'activation_alpha', 'activation_beta'],
  FusedMatMul: ['alpha'],
  Gemm: ['alpha', 'beta'],
  HardSigmoid: ['alpha', 'beta'],
  InstanceNormalization: ['epsilon'],
  LRN: ['alpha', 'beta', 'bias'],
  LayerNormalization: ['epsilon'],
  LeakyRelu: ['alpha'],
  Conv: ['activation_params'],
  Selu: ['alpha', 'gamma'],
  ThresholdedRelu: ['alpha'],
};

const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** What an attribute of a node may be. */
type Attribute = number | string | readonly number[] | Tensor;

/** A constant whose bytes lie in another file (raw, little-endian), given by offset and length in bytes. */
export interface ExternalTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** File name, relative to the session's `externalDataFolder`. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
  /**
   * Declared as an input with this default, so that the optimiser neither folds it nor brings it into an order of its own: it
   * stays where the file is mapped, and the session is made without copying it.
   */
  readonly stays?: boolean;
}

/** A constant whose bytes are asked for while the model is written: see {@link GraphBuilder.stream}. */
export interface StreamedTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** Bytes in all. */
  readonly length: number;
  /** The bytes (raw, little-endian) in pieces. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

/** What a model says of itself, where it is not only for this process. */
interface ModelOptions {
  /** Version of the file format; default 10. Lower ones are read by older runtimes too. */
  readonly irVersion?: number;
  /** Version of ONNX's own operators; default 21. The graph must have been built for it. */
  readonly opset?: number;
  /** Texts that travel along. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A dimension: a fixed size, or a name where the size is free. */
export type Dimension = number | string;

/** `rank` free dimensions, `x0, x1, …` for the prefix x. */
export const symbolicDims = (prefix: string, rank: number): string[] =>
  Array.from({ length: rank }, (_, i) => `${prefix}${i}`);

const tensorMessage = (tensor: Tensor, name?: string) => {
  const { type, dims, data } = tensor;
  if (sizeFromShape(dims) !== data.length)
    throw expected(`${data.length} elements`, `the shape of ${name ?? 'a tensor attribute'}`, dims);
  return {
    dims,
    dataType: elementTypes[type],
    ...(name !== undefined && { name }),
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
};

/** Encodes a message of the schema. */
const encoded = (type: protobuf.Type, message: object): Uint8Array =>
  type.encode(type.fromObject(message)).finish();

/** Key and length of a field of bytes, given by its name; the bytes follow. */
const fieldStart = (type: protobuf.Type, name: string, length: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32(type.fields[name]!.id * 8 + 2)
    .uint32(length)
    .finish();

/** The largest message of protocol buffers. */
const MOST_BYTES = 2 ** 31 - 1;

const attributeMessage = (opType: string, name: string, value: Attribute) => {
  const isFloat = floatAttributes[opType]?.includes(name) ?? false;
  const checkInteger = (number: number): number => {
    if (!Number.isInteger(number)) throw expected('a whole number', `${opType}'s attribute ${name}`, number);
    return number;
  };
  if (typeof value === 'string')
    return { name, type: attributeTypes.string, s: new TextEncoder().encode(value) };
  if (typeof value === 'number')
    return isFloat
      ? { name, type: attributeTypes.float, f: value }
      : { name, type: attributeTypes.int, i: checkInteger(value) };
  if ('dims' in value) return { name, type: attributeTypes.tensor, t: tensorMessage(value) };
  return isFloat
    ? { name, type: attributeTypes.floats, floats: value }
    : { name, type: attributeTypes.ints, ints: value.map(checkInteger) };
};

const valueMessage = (name: string, type: TensorType, dims: readonly Dimension[]) => ({
  name,
  type: {
    tensorType: {
      elemType: elementTypes[type],
      shape: { dim: dims.map((d) => (typeof d === 'number' ? { size: d } : { name: d })) },
    },
  },
});

/**
 * Builds an ONNX model. Values are known by their names: `input`, `constant` and `node` return them, `node` takes them.
 *
 * ```ts
 * const g = new GraphBuilder();
 * const x = g.input('x', 'float32', ['n', 3]);
 * g.output(g.node('Relu', [x], {}, { name: 'y' }), 'float32', ['n', 3]);
 * const session = Session.create(g.model());
 * ```
 */
export class GraphBuilder {
  readonly #inputs: object[] = [];
  readonly #outputs: object[] = [];
  readonly #nodes: object[] = [];
  readonly #constants: object[] = [];
  readonly #streamed: (StreamedTensor & { readonly name: string })[] = [];
  readonly #names = new Set<string>();
  readonly #domains = new Set(['']);
  #serial = 0;

  #define(name: string): string {
    if (this.#names.has(name)) throw expected('a name that is not in use yet', 'a value of the graph', name);
    this.#names.add(name);
    return name;
  }

  #require(name: string, user: string): string {
    // An empty name stands for an optional input that is left out.
    if (name !== '' && !this.#names.has(name))
      throw expected('the name of a value of the graph', `an input of ${user}`, name);
    return name;
  }

  /** Declares an input of the model. */
  input(name: string, type: TensorType, dims: readonly Dimension[]): string {
    this.#inputs.push(valueMessage(this.#define(name), type, dims));
    return name;
  }

  /**
   * Adds a constant: the tensor itself, a piece of a file that is mapped when the session is made, or a tensor that
   * {@link stream} asks for.
   *
   * @throws UsageError when the number of elements does not fit the shape, or the name is in use
   */
  constant(name: string, tensor: Tensor | ExternalTensor | StreamedTensor): string {
    this.#define(name);
    if ('bytes' in tensor) {
      this.#streamed.push({ name, ...tensor });
      return name;
    }
    if ('data' in tensor) {
      this.#constants.push(tensorMessage(tensor, name));
      return name;
    }
    const { type, dims, location, offset, length, stays = false } = tensor;
    const externalData = Object.entries({ location, offset, length }).map(([key, value]) => ({
      key,
      value: String(value),
    }));
    this.#constants.push({ dims, dataType: elementTypes[type], name, externalData, dataLocation: 1 });
    if (stays) this.#inputs.push(valueMessage(name, type, dims));
    return name;
  }

  /** A one-dimensional int64 constant, as shapes, axes and permutations are given to operators. */
  ints(...values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant(`ints_${this.#serial++}`, { type: 'int64', dims: [values.length], data });
  }

  /** A float32 constant without dimensions. */
  scalar(value: number): string {
    const data = Float32Array.of(value);
    return this.constant(`scalar_${this.#serial++}`, { type: 'float32', dims: [], data });
  }

  /**
   * Adds a node and returns the name of its first output; with `outputs: n` the others are called `<first>.1`, `<first>.2`, …
   *
   * @param opType the operator ("Conv"); `options.domain` is its operator set ("com.microsoft"), ONNX's own by default
   * @param inputs names of values; "" leaves an optional input out
   * @param options `name` names the first output; by default a serial name is made
   * @throws UsageError for an unknown input, a name in use, an unknown domain, or a fraction where an integer belongs
   */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    options: { readonly domain?: string; readonly outputs?: number; readonly name?: string } = {},
  ): string {
    const { domain = '', outputs = 1 } = options;
    if (!(domain in opsets))
      throw expected(Object.keys(opsets).join(' or '), `the domain of ${opType}`, domain);
    const first = this.#define(options.name ?? `${opType}_${this.#serial++}`);
    const output = Array.from({ length: outputs }, (_, i) =>
      i === 0 ? first : this.#define(`${first}.${i}`),
    );
    this.#domains.add(domain);
    this.#nodes.push({
      input: inputs.map((name) => this.#require(name, opType)),
      output,
      name: first,
      opType,
      domain,
      attribute: Object.entries(attributes).map(([name, value]) => attributeMessage(opType, name, value)),
    });
    return first;
  }

  /** Declares a value as an output of the model. */
  output(name: string, type: TensorType, dims: readonly Dimension[]): string {
    this.#outputs.push(valueMessage(this.#require(name, 'the model'), type, dims));
    return name;
  }

  /** The graph's message, without streamed constants. */
  get #graph() {
    return {
      name: 'graph',
      node: this.#nodes,
      initializer: this.#constants,
      input: this.#inputs,
      output: this.#outputs,
    };
  }

  /** What comes before and after the graph in a model. */
  #frame({ irVersion = IR_VERSION, opset = opsets['']!, metadata = {} }: ModelOptions) {
    const opsetImport = [...this.#domains].map((domain) => ({
      ...(domain !== '' && { domain }),
      version: domain === '' ? opset : opsets[domain],
    }));
    const metadataProps = Object.entries(metadata).map(([key, value]) => ({ key, value }));
    return { before: { irVersion, producerName: 'verydeep' }, after: { opsetImport, metadataProps } };
  }

  /** The encoded model. */
  model(options: ModelOptions = {}): Uint8Array {
    const [first] = this.#streamed;
    if (first)
      throw expected('constants that are in memory', 'the model', `the streamed tensor ${first.name}`);
    const { before, after } = this.#frame(options);
    return encoded(Model, { ...before, graph: this.#graph, ...after });
  }

  /**
   * The encoded model in pieces, streamed constants last in its graph: only one piece of them is in memory at a time.
   *
   * @throws UsageError for a model of more than 2 GB, which protocol buffers cannot hold
   */
  async *stream(options: ModelOptions = {}): AsyncGenerator<Uint8Array> {
    const { before, after } = this.#frame(options);
    const graph = encoded(Graph, this.#graph);
    const constants = this.#streamed.map(({ name, type, dims, length, bytes }) => {
      const facts = encoded(TensorData, { dims, dataType: elementTypes[type], name });
      const data = fieldStart(TensorData, 'rawData', length);
      const whole = facts.length + data.length + length;
      return { start: [fieldStart(Graph, 'initializer', whole), facts, data], length, bytes };
    });
    const pieces = constants.flatMap(({ start, length }) => [...start.map((piece) => piece.length), length]);
    const total = pieces.reduce((sum, length) => sum + length, graph.length);
    if (total > MOST_BYTES) {
      throw new UsageError(
        `Expected an ONNX model of at most 2 GB but received ${(total / 1e9).toFixed(1)} GB. Put its weights into a file beside it.`,
      );
    }
    yield encoded(Model, before);
    yield fieldStart(Model, 'graph', total);
    yield graph;
    for (const { start, bytes } of constants) {
      yield* start;
      yield* bytes();
    }
    yield encoded(Model, after);
  }
}
