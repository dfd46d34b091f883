// Derives the input normalisation from a graph's arithmetic before its first layer.
import { UsageError } from '../../../errors.js';
import { type LazyTensor, readAll } from '../../../formats/tensor.js';
import type { InputNormalisation } from '../../nets/backbone.js';
import { type ChannelStep, type PerChannel, inputPresets } from './source.js';

/** A step before the first layer, with its name and operator in the file. */
export type FrontStep = (ChannelStep | { readonly kind: 'reverse' }) & {
  readonly name: string;
  readonly op: string;
};

const COLOURS = 3;

const valuesOf = async (path: string, { name, op }: FrontStep, by: PerChannel): Promise<number[]> => {
  const values = typeof by === 'number' ? [by] : Array.from(await readAll(by));
  if (values.length === 1) return Array.from({ length: COLOURS }, () => values[0]!);
  if (values.length !== COLOURS) {
    throw new UsageError(
      `Expected a number for each colour in the preprocessing ${name} (${op}) of ${path} but received ${values.length}.`,
    );
  }
  return values;
};

/** Applies one step to x = factor * pixel + shift, with a factor and a shift for each colour. */
const apply = async (
  path: string,
  step: FrontStep & ChannelStep,
  [factor, shift]: readonly [number[], number[]],
): Promise<[number[], number[]]> => {
  const read = (by: PerChannel | undefined, otherwise: number): Promise<number[]> =>
    by === undefined ? Promise.resolve([0, 1, 2].map(() => otherwise)) : valuesOf(path, step, by);
  if (step.kind === 'shift') {
    const by = await read(step.by, 0);
    return [factor, shift.map((value, c) => value + by[c]! * (step.factor ?? 1))];
  }
  if (step.kind === 'scale') {
    const by = (await read(step.by, 1)).map((value) => (step.divide ? 1 / value : value));
    return [factor.map((value, c) => value * by[c]!), shift.map((value, c) => value * by[c]!)];
  }
  const optional = (tensor: LazyTensor | undefined, otherwise: number) => read(tensor, otherwise);
  const [gamma, beta] = [await optional(step.gamma, 1), await optional(step.beta, 0)];
  const [mean, variance] = [await read(step.mean, 0), await read(step.variance, 1)];
  const by = gamma.map((value, c) => value / Math.sqrt(variance[c]! + step.epsilon));
  return [
    factor.map((value, c) => value * by[c]!),
    shift.map((value, c) => (value - mean[c]!) * by[c]! + beta[c]!),
  ];
};

const near = (a: readonly number[], b: readonly number[], distance: number): boolean =>
  a.every((value, i) => Math.abs(value - b[i]!) <= distance);

/** Rounds to six digits, about float32's precision, so that a stored 1/255 is recognised. */
const rounded = (value: number): number => Number(value.toPrecision(6)) + 0;

/**
 * The normalisation of a graph that begins with arithmetic on pixels; undefined if it begins with a layer.
 * Means between 0 and 1 imply pixels from 0 to 1; the channel order follows from the graph, or from Oxford's
 * means.
 *
 * @throws UsageError naming file and step for a step that is not per-channel arithmetic
 */
export const normalisationOf = async (
  path: string,
  steps: readonly FrontStep[],
): Promise<InputNormalisation | undefined> => {
  let [factor, shift] = [
    [1, 1, 1],
    [0, 0, 0],
  ];
  let order: 'rgb' | 'bgr' = 'rgb';
  for (const step of steps) {
    if (step.kind === 'reverse') {
      order = order === 'rgb' ? 'bgr' : 'rgb';
      [factor, shift] = [factor.toReversed(), shift.toReversed()];
    } else [factor, shift] = await apply(path, step, [factor, shift]);
  }
  if (steps.length === 0) return undefined;
  if (!factor.every((value) => Number.isFinite(value) && value > 0) || !shift.every(Number.isFinite)) {
    throw new UsageError(
      `Expected factors above 0 in the preprocessing of ${path} (${steps.map(({ name }) => name).join(', ')}) ` +
        `but received ${factor.join(', ')}.`,
    );
  }
  const isPlain = near(factor, [1, 1, 1], 0) && near(shift, [0, 0, 0], 0);
  if (isPlain) return order === 'bgr' ? inputPresets.oxford : undefined;
  const zero = factor.map((value, c) => -shift[c]! / value);
  const isUnit = Math.max(...zero.map(Math.abs)) <= 1 && Math.max(...factor) >= 1;
  if (order === 'rgb' && near(zero, inputPresets.oxford.mean, 1)) order = 'bgr';
  const common = factor.every((value) => value === factor[0]) && !isUnit;
  // x = (pixel * scale - mean) / std: with one factor for all colours, std is 1.
  const scale = isUnit ? 1 / 255 : common ? factor[0]! : 1;
  const std = factor.map((value) => (common ? 1 : 1 / value));
  return {
    order,
    scale: Math.abs(scale * 255 - 1) < 1e-5 ? 1 / 255 : rounded(scale),
    mean: shift.map((value, c) => rounded(-value * std[c]!)),
    std: std.map(rounded),
    interpolation: inputPresets[order === 'bgr' ? 'oxford' : 'torchvision'].interpolation,
  };
};
