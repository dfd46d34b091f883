// Resizing as ONNX operators: Pillow's separable resampling, with weights that follow from the image's size, to the bit.
import type { GraphBuilder } from '../../engine/onnx.js';
import { expected } from '../../errors.js';
import type { Interpolation } from '../../interpolation.js';

/** ONNX's numbers of element types. */
export const types = { float: 1, uint8: 2, int64: 7, double: 11 } as const;

/** The fraction of Pillow's fixed-point weights has 22 bits. */
const FIXED = 2 ** 22;

/** Arithmetic on values of a graph in double precision; numbers become constants. */
export class Arithmetic {
  readonly #graph: GraphBuilder;
  readonly #numbers = new Map<number, string>();

  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  /** A number: exact as the sum of up to three of single precision. */
  #constant(value: number): string {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    const graph = this.#graph;
    const parts: number[] = [];
    for (let rest = value; rest !== 0 && parts.length < 3; rest -= Math.fround(rest))
      parts.push(Math.fround(rest));
    const [first = graph.scalar(0), ...others] = parts.map((part) =>
      graph.node('Cast', [graph.scalar(part)], { to: types.double }),
    );
    const made =
      parts.length === 0
        ? graph.node('Cast', [first], { to: types.double })
        : others.reduce((sum, part) => graph.node('Add', [sum, part]), first);
    this.#numbers.set(value, made);
    return made;
  }

  #value(x: string | number): string {
    return typeof x === 'number' ? this.#constant(x) : x;
  }

  #two(operator: string, a: string | number, b: string | number): string {
    return this.#graph.node(operator, [this.#value(a), this.#value(b)]);
  }

  readonly add = (a: string | number, b: string | number): string => this.#two('Add', a, b);
  readonly sub = (a: string | number, b: string | number): string => this.#two('Sub', a, b);
  readonly mul = (a: string | number, b: string | number): string => this.#two('Mul', a, b);
  readonly div = (a: string | number, b: string | number): string => this.#two('Div', a, b);
  readonly max = (a: string | number, b: string | number): string => this.#two('Max', a, b);
  readonly min = (a: string | number, b: string | number): string => this.#two('Min', a, b);
  readonly less = (a: string | number, b: string | number): string => this.#two('Less', a, b);
  readonly equal = (a: string | number, b: string | number): string => this.#two('Equal', a, b);
  readonly floor = (x: string): string => this.#graph.node('Floor', [x]);
  readonly abs = (x: string): string => this.#graph.node('Abs', [x]);
  readonly sin = (x: string): string => this.#graph.node('Sin', [x]);
  readonly where = (condition: string, a: string | number, b: string | number): string =>
    this.#graph.node('Where', [condition, this.#value(a), this.#value(b)]);
  readonly double = (x: string): string => this.#graph.node('Cast', [x], { to: types.double });
  /** 0, 1, … below a count in double precision. */
  readonly range = (count: string): string =>
    this.#graph.node('Range', [this.#constant(0), count, this.#constant(1)]);
}

type Kernel = (math: Arithmetic, x: string) => string;

/** A polynomial by its coefficients, the highest first. */
const polynomial = ({ add, mul }: Arithmetic, x: string, coefficients: readonly number[]): string => {
  const [first = 0, ...others] = coefficients;
  return others.reduce<string>(
    (sum, coefficient, i) => add(i === 0 ? mul(x, first) : mul(sum, x), coefficient),
    x,
  );
};

const cubic =
  (b: number, c: number): Kernel =>
  (math, distance) => {
    const x = math.abs(distance);
    const near = [12 - 9 * b - 6 * c, -18 + 12 * b + 6 * c, 0, 6 - 2 * b].map((each) => each / 6);
    const far = [-b - 6 * c, 6 * b + 30 * c, -12 * b - 48 * c, 8 * b + 24 * c].map((each) => each / 6);
    const inner = polynomial(math, x, near);
    return math.where(math.less(x, 1), inner, math.where(math.less(x, 2), polynomial(math, x, far), 0));
  };

const sinc = ({ equal, where, mul, sin, div }: Arithmetic, x: string): string => {
  const isZero = equal(x, 0);
  const angle = mul(where(isZero, 1, x), Math.PI);
  return where(isZero, 1, div(sin(angle), angle));
};

const lanczos =
  (support: number): Kernel =>
  (math, x) =>
    math.where(math.less(math.abs(x), support), math.mul(sinc(math, x), sinc(math, math.div(x, support))), 0);

/** The kernels of src/images/interpolation.ts. */
const kernels: Readonly<
  Partial<Record<Interpolation, { readonly support: number; readonly weight: Kernel }>>
> = {
  linear: { support: 1, weight: (math, x) => math.max(math.sub(1, math.abs(x)), 0) },
  cubic: { support: 2, weight: cubic(0, 1 / 2) },
  mitchell: { support: 2, weight: cubic(1 / 3, 1 / 3) },
  lanczos2: { support: 2, weight: lanczos(2) },
  lanczos3: { support: 3, weight: lanczos(3) },
};

/** The weights [outputs, inputs] of one axis, whole numbers in double precision. */
const weightsOf = (
  graph: GraphBuilder,
  math: Arithmetic,
  inputs: string,
  outputs: string,
  interpolation: Interpolation,
): string => {
  const kernel = kernels[interpolation];
  if (!kernel)
    throw expected(Object.keys(kernels).join(', '), 'the interpolation of an exported model', interpolation);
  const { add, sub, mul, div, max, min, floor, less, where, abs, range, equal } = math;
  const rows = graph.node('Unsqueeze', [range(outputs), graph.ints(1)]);
  const columns = graph.node('Unsqueeze', [range(inputs), graph.ints(0)]);
  const scale = div(inputs, outputs);
  const widened = max(scale, 1);
  const support = mul(widened, kernel.support);
  const centre = div(mul(add(rows, 0.5), inputs), outputs);
  const from = max(floor(add(sub(centre, support), 0.5)), 0);
  const to = min(floor(add(add(centre, support), 0.5)), inputs);
  const distance = mul(add(sub(columns, centre), 0.5), div(1, widened));
  const before = where(less(columns, from), 0, kernel.weight(math, distance));
  const values = where(less(columns, to), before, 0);
  const sum = graph.node('ReduceSum', [values, graph.ints(1)], { keepdims: 1 });
  const scaled = mul(div(values, sum), FIXED);
  const rounded = floor(add(abs(scaled), 0.5));
  const signed = where(less(scaled, 0), sub(0, rounded), rounded);
  return where(equal(inputs, outputs), where(equal(rows, columns), FIXED, 0), signed);
};

/** Products of fixed-point weights, as whole grey values. */
const rounded = (graph: GraphBuilder, { add, mul, floor, min, max }: Arithmetic, product: string): string =>
  max(min(floor(mul(add(product, FIXED / 2), 1 / FIXED)), 255), 0);

/**
 * Resizes an image [3, height, width] in double precision: columns first, then rows, each rounded to whole grey values.
 *
 * @param size width and height before and after, in double precision without dimensions
 */
export const resizeGraph = (
  graph: GraphBuilder,
  math: Arithmetic,
  image: string,
  [width, height]: readonly [string, string],
  [wide, high]: readonly [string, string],
  interpolation: Interpolation,
): string => {
  const columns = weightsOf(graph, math, width, wide, interpolation);
  const rows = weightsOf(graph, math, height, high, interpolation);
  const turned = graph.node('Transpose', [columns], { perm: [1, 0] });
  const wider = rounded(graph, math, graph.node('MatMul', [image, turned]));
  return rounded(graph, math, graph.node('MatMul', [rows, wider]));
};
