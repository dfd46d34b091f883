// Functions of one tensor, element by element.
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { sizeFromShape } from '../../../../shape.js';
import type { GraphBuilder } from '../../../onnx.js';
import { BACKEND_NAME } from '../../backend.js';
import { type Attributes, type KernelCall, areFloat, limits, withCpuFallback } from './kernel.js';

/** How a function of one tensor is written in ONNX: adds its nodes and returns the name of the result. */
export type UnaryGraph = (g: GraphBuilder, x: string, attrs: Attributes) => string;

/** Whether a unary kernel computes x natively. */
export const isNativeUnary = (x: TensorInfo): boolean => areFloat([x], limits.small);

/** Computes a function of x, which must be {@link isNativeUnary}. */
export const computeUnary = (
  { backend, inputs, attrs }: KernelCall,
  kernelName: string,
  graph: UnaryGraph,
): TensorInfo => {
  const x = inputs['x']!;
  const y = backend.output(x.shape);
  const flat = [sizeFromShape(x.shape)];
  backend.compute(
    `${kernelName}:${JSON.stringify(attrs)}`,
    (g) => g.output(graph(g, g.input('x', 'float32', ['n']), attrs), 'float32', ['n']),
    [[x, flat]],
    [[y, flat]],
  );
  return y;
};

/** The config of a unary kernel: an ONNX operator without attributes, or nodes that `graph` adds. */
export const unaryKernelConfig = (kernelName: string, graph: string | UnaryGraph): KernelConfig => {
  const nodes: UnaryGraph = typeof graph === 'string' ? (g, x) => g.node(graph, [x]) : graph;
  return {
    kernelName,
    backendName: BACKEND_NAME,
    kernelFunc: withCpuFallback(kernelName, (call) =>
      isNativeUnary(call.inputs['x']!) ? computeUnary(call, kernelName, nodes) : undefined,
    ),
  };
};

/** x limited to [low, high]. */
export const clip = (g: GraphBuilder, x: string, low: number, high: number): string =>
  g.node('Clip', [x, g.scalar(low), g.scalar(high)]);
