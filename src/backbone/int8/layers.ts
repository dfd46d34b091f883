// Adds the layers of an 8-bit net to an ONNX graph: 8-bit activations, 32-bit sums, float32 from fc7 on.
import type { GraphBuilder } from '../../engine/onnx.js';
import type { Tensor } from '../../engine/tensor.js';
import type { DenseLayer, LrnLayer, WeightedLayer } from '../nets/architecture.js';
import { convAttributes, lrnAttributes, poolAttributes } from '../nets/graph.js';
import type { LayerHandler } from '../nets/interpret.js';
import type { Ranges } from './calibration.js';
import { activationScale } from './quantise.js';

/** A constant of the quantised file, by name and shape, as a value of the graph. */
export type Constant = (name: string, dims: readonly number[]) => string;

/**
 * A value between layers: the 8-bit activations of a layer (pixels if no layer is given), or float32 numbers.
 */
export interface Value {
  readonly name: string;
  readonly type: 'bytes' | 'floats';
  readonly layer?: string;
}

/** Adds layers in 8 bits to a graph: convolutions and fc6 give bytes; fc7 takes bytes and gives rows of float32; fc8 gives maps of float32. */
export class Int8Layers implements LayerHandler<Value> {
  readonly #graph: GraphBuilder;
  readonly #constant: Constant;
  readonly #firstKernels: Tensor;
  readonly #ranges: Ranges;
  readonly #options: { readonly batch: number; readonly standard: boolean };
  readonly #byteZero: string;
  readonly #int8Zero: string;
  readonly #scales = new Map<string | undefined, string>();

  constructor(
    graph: GraphBuilder,
    constant: Constant,
    firstKernels: Tensor,
    ranges: Ranges,
    options: { readonly batch: number; readonly standard: boolean },
  ) {
    this.#graph = graph;
    this.#constant = constant;
    this.#firstKernels = firstKernels;
    this.#ranges = ranges;
    this.#options = options;
    this.#byteZero = graph.constant('zero_uint8', { type: 'uint8', dims: [], data: Uint8Array.of(0) });
    this.#int8Zero = graph.constant('zero_int8', { type: 'int8', dims: [], data: Int8Array.of(0) });
  }

  /** The scale of a layer's stored activations, as a constant; pixels have scale 1. */
  #scale(layer: string | undefined): string {
    let scale = this.#scales.get(layer);
    if (scale === undefined) {
      scale = this.#graph.scalar(layer === undefined ? 1 : activationScale(this.#ranges, layer));
      this.#scales.set(layer, scale);
    }
    return scale;
  }

  /** A value in float32. */
  toFloat({ name, type, layer }: Value): string {
    if (type === 'floats') return name;
    return this.#graph.node('DequantizeLinear', [name, this.#scale(layer), this.#byteZero]);
  }

  /**
   * QLinearConv: its unsigned output is clipped at 0, which is the ReLU. The first layer's input has its
   * padding already.
   */
  conv(x: Value, layer: WeightedLayer): Value {
    const { name, inputs, outputs, kernel } = layer;
    const isFirst = x.layer === undefined;
    const inputScale = this.#scale(x.layer);
    const weight = isFirst
      ? this.#graph.constant(`${name}.weight`, this.#firstKernels)
      : this.#constant(`${name}.weight`, [outputs, inputs, kernel, kernel]);
    const weightScale = this.#constant(`${name}.scale`, [outputs]);
    const outputScale = this.#scale(name);
    const bias = this.#constant(`${name}.bias`, [outputs]);
    const [byteZero, int8Zero] = [this.#byteZero, this.#int8Zero];
    const value = this.#graph.node(
      'QLinearConv',
      [x.name, inputScale, byteZero, weight, weightScale, int8Zero, outputScale, byteZero, bias],
      convAttributes(isFirst ? { kernel, padding: 0 } : layer),
    );
    return { name: value, type: 'bytes', layer: name };
  }

  dense(x: Value, layer: DenseLayer): Value {
    switch (layer.name) {
      case 'fc6':
        return this.conv(x, layer);
      case 'fc7':
        return { name: this.#product(x, layer), type: 'floats' };
      case 'fc8':
        return { name: this.#scores(x, layer), type: 'floats' };
    }
  }

  relu(x: Value): Value {
    return x.type === 'bytes' ? x : { ...x, name: this.#graph.node('Relu', [x.name]) };
  }

  lrn(x: Value, layer: LrnLayer): Value {
    const normalised = this.#graph.node('LRN', [this.toFloat(x)], lrnAttributes(layer));
    const inputs = [normalised, this.#scale(layer.name), this.#byteZero];
    return { name: this.#graph.node('QuantizeLinear', inputs), type: 'bytes', layer: layer.name };
  }

  pool(x: Value): Value {
    return { ...x, name: this.#graph.node('MaxPool', [x.name], poolAttributes) };
  }

  /** fc7 of bytes, as rows [batch * h * w, units] of float32: sums in 32 bits times both scales, and the bias. */
  #product(x: Value, { name, inputs, outputs }: DenseLayer): string {
    const graph = this.#graph;
    const rows = graph.node('Reshape', [
      graph.node('Transpose', [x.name], { perm: [0, 2, 3, 1] }),
      graph.ints(-1, inputs),
    ]);
    const [weight, scale, bias] = [
      this.#constant(`${name}.weight`, [inputs, outputs]),
      this.#constant(`${name}.scale`, [outputs]),
      this.#constant(`${name}.bias`, [outputs]),
    ];
    const inputScale = this.#scale(x.layer);
    if (!this.#options.standard) {
      const operands = [rows, weight, inputScale, scale, this.#byteZero, this.#int8Zero, bias];
      return graph.node('MatMulIntegerToFloat', operands, {}, { domain: 'com.microsoft' });
    }
    const sums = graph.node('MatMulInteger', [rows, weight, this.#byteZero, this.#int8Zero]);
    const factor = graph.node('Mul', [inputScale, scale]);
    return graph.node('Add', [graph.node('Mul', [graph.node('Cast', [sums], { to: 1 }), factor]), bias]);
  }

  /** fc8 of fc7's rows, as maps [batch, outputs, h * w, 1], so that averages are taken as in float32. */
  #scores(x: Value, { name, inputs, outputs }: DenseLayer): string {
    const graph = this.#graph;
    const weights = [
      this.#constant(`${name}.weight`, [outputs, inputs]),
      this.#constant(`${name}.bias`, [outputs]),
    ];
    const scores = graph.node('Gemm', [x.name, ...weights], { transB: 1 });
    const shape = graph.ints(this.#options.batch, -1, outputs);
    return graph.node('Unsqueeze', [
      graph.node('Transpose', [graph.node('Reshape', [scores, shape])], { perm: [0, 2, 1] }),
      graph.ints(3),
    ]);
  }
}
