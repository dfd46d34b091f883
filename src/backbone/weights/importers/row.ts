// Layers of a file that lists weights but no graph: fully-connected layers are recognised by their shapes.
import type { SourceLayer, SourceNet } from './source.js';

const isMatrix = ({ kernel }: SourceLayer): boolean => kernel.shape.length === 2;

const sizesOf = ({ kernel, axes }: SourceLayer): { inputs: number; outputs: number } => {
  const [first, second] = kernel.shape as [number, number];
  return axes.startsWith('o') ? { outputs: first, inputs: second } : { inputs: first, outputs: second };
};

/**
 * Builds the net from layers in order: convolutions, then fc6 and fc7 if two matrices match, and fc8 if
 * exactly one follows.
 */
export const netOfRow = (layers: readonly SourceLayer[]): SourceNet => {
  const convolutions = layers.filter((layer) => !isMatrix(layer));
  const matrices = layers.filter(isMatrix);
  if (matrices.length === 0) return { layers };
  const [fc6, fc7, fc8, ...more] = matrices;
  const isPair =
    fc7 !== undefined &&
    sizesOf(fc7).inputs === sizesOf(fc6!).outputs &&
    sizesOf(fc7).outputs === sizesOf(fc6!).outputs;
  const isLast = fc8 !== undefined && more.length === 0 && sizesOf(fc8).inputs === sizesOf(fc6!).outputs;
  const head = isPair ? [fc6!, fc7, ...(isLast ? [fc8] : [])] : [];
  const leftOut = matrices.slice(head.length).map(({ name }) => name);
  return { layers: [...convolutions, ...head], leftOut };
};
