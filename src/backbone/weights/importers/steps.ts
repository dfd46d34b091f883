// The steps of a net as in a file's graph, and their conversion to the layers of a VGG net; other steps are
// rejected by name.
import { UsageError } from '../../../errors.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import { lrn as paperLrn } from '../../nets/architecture.js';
import { type FrontStep, normalisationOf } from './front.js';
import type { ChannelStep, SourceLayer, SourceNet, UnweightedLayer } from './source.js';

/** Padding of a map: top, left, bottom, right; or the framework's rule that computes it. */
export type Pads = readonly [number, number, number, number] | 'same' | 'valid';

/** What a step does. */
export type StepKind =
  | {
      readonly kind: 'conv';
      readonly kernel: LazyTensor;
      /** The order of the kernel's axes. */
      readonly axes: string;
      /** Rows and columns of the kernel. */
      readonly window: readonly [number, number];
      readonly bias?: LazyTensor | undefined;
      readonly strides: readonly number[];
      readonly pads: Pads;
      readonly dilations: readonly number[];
      readonly groups: number;
    }
  | {
      readonly kind: 'dense';
      readonly kernel: LazyTensor;
      readonly axes: string;
      readonly bias?: LazyTensor | undefined;
    }
  | ChannelStep
  | { readonly kind: 'pad'; readonly pads: readonly [number, number, number, number] }
  | { readonly kind: 'relu' }
  | {
      readonly kind: 'pool';
      readonly window: readonly number[];
      readonly strides: readonly number[];
      readonly pads: Pads;
    }
  /** `alpha` as Krizhevsky writes it, not divided by the size. */
  | {
      readonly kind: 'lrn';
      readonly size: number;
      readonly alpha: number;
      readonly beta: number;
      readonly k: number;
    }
  /** The average over all positions. */
  | { readonly kind: 'average' }
  | { readonly kind: 'flatten' }
  /** The order of the colours is turned round. */
  | { readonly kind: 'reverse' }
  /** Soft-max and the like, after the scores. */
  | { readonly kind: 'output' }
  /** What no VGG net has; `what` says it in words ("average pooling"). */
  | { readonly kind: 'other'; readonly what: string };

/** A step, with its name and operator in the file. */
export type Step = StepKind & { readonly name: string; readonly op: string };

/** The error for a step that no VGG net has. */
export const noVgg = (path: string, { name, op }: Pick<Step, 'name' | 'op'>, what: string): UsageError =>
  new UsageError(`${path} holds no VGG net: ${name} (${op}) is ${what}.`);

/** A layer with weights, and whether ReLU follows. */
interface Weighted {
  readonly kind: 'weighted';
  readonly step: Step;
  layer: SourceLayer;
  relu: boolean;
}
type Item = Weighted | { readonly kind: 'step'; readonly step: Step };

const isOne = (values: readonly number[]): boolean => values.every((value) => value === 1);

/** How a convolution's padding compares with one that keeps the size of the map. */
const paddingOf = (
  path: string,
  step: Step & { kind: 'conv' },
  before: readonly number[],
): 'same' | 'none' => {
  const { pads, window } = step;
  const same = window.map((side) => (side - 1) / 2);
  const own =
    pads === 'valid' ? [0, 0, 0, 0] : pads === 'same' ? [same[0]!, same[1]!, same[0]!, same[1]!] : pads;
  const all = own.map((pad, i) => pad + before[i]!);
  if (all.every((pad, i) => pad === same[i % 2])) return 'same';
  if (all.every((pad) => pad === 0)) return 'none';
  throw noVgg(path, step, `a convolution of ${window.join('x')} with padding [${all.join(', ')}]`);
};

const convolution = (path: string, step: Step & { kind: 'conv' }, before: readonly number[]): SourceLayer => {
  const { name, strides, dilations, groups, kernel, axes, bias } = step;
  if (groups !== 1) throw noVgg(path, step, `a convolution in ${groups} groups`);
  if (!isOne(dilations)) throw noVgg(path, step, `a dilated convolution (${dilations.join('x')})`);
  if (!isOne(strides)) throw noVgg(path, step, `a convolution with stride ${strides.join('x')}`);
  return { name, kernel, axes, bias, padding: paddingOf(path, step, before) };
};

/** Whether a pool is that of the paper: 2x2, stride 2. A "same" pool differs on odd maps only, which training never makes. */
const checkPool = (path: string, step: Step & { kind: 'pool' }): void => {
  const { window, strides, pads } = step;
  const isPadded = typeof pads !== 'string' && pads.some((pad, i) => pad !== 0 && (i < 2 || pad !== 1));
  if (window.some((n) => n !== 2) || strides.some((n) => n !== 2) || isPadded) {
    const padding = isPadded ? `, padding [${pads.join(', ')}]` : '';
    throw noVgg(path, step, `max-pooling of ${window.join('x')}, stride ${strides.join('x')}${padding}`);
  }
};

const isLrnOfPaper = ({ size, alpha, beta, k }: Step & { kind: 'lrn' }): boolean =>
  size === paperLrn.size &&
  [
    [alpha, paperLrn.alpha],
    [beta, paperLrn.beta],
    [k, paperLrn.k],
  ].every(([a, b]) => Math.abs(a! - b!) <= 1e-3 * b!);

/** Joins each layer with the steps that belong to it; steps before the first layer are passed through. */
const itemsOf = (path: string, steps: readonly Step[]): { front: FrontStep[]; items: Item[] } => {
  const front: FrontStep[] = [];
  const items: Item[] = [];
  let pads = [0, 0, 0, 0];
  for (const step of steps) {
    const last = items.findLast((item): item is Weighted => item.kind === 'weighted');
    const isBeforeRelu = items.length > 0 && items.at(-1) === last && !last?.relu;
    if (step.kind === 'pad') {
      pads = pads.map((pad, i) => pad + step.pads[i]!);
      continue;
    }
    if (step.kind !== 'conv' && pads.some((pad) => pad !== 0)) {
      throw noVgg(path, step, `preceded by padding [${pads.join(', ')}], which belongs before a convolution`);
    }
    if (step.kind === 'conv') {
      items.push({ kind: 'weighted', step, layer: convolution(path, step, pads), relu: false });
      pads = [0, 0, 0, 0];
    } else if (step.kind === 'dense') {
      const { name, kernel, axes, bias } = step;
      items.push({ kind: 'weighted', step, layer: { name, kernel, axes, bias }, relu: false });
    } else if (step.kind === 'relu') {
      // ReLU and max-pooling commute.
      const between = last ? items.slice(items.indexOf(last) + 1) : items;
      if (last && between.every(({ step: each }) => each.kind === 'pool')) last.relu = true;
      else
        items.push({
          kind: 'step',
          step: { ...step, kind: 'other', what: 'a ReLU that follows no layer with weights' },
        });
    } else if (step.kind === 'norm' || step.kind === 'scale' || step.kind === 'shift') {
      if (items.length === 0) front.push(step);
      else if (isBeforeRelu) last!.layer = { ...last!.layer, after: [...(last!.layer.after ?? []), step] };
      else
        items.push({
          kind: 'step',
          step: { ...step, kind: 'other', what: 'arithmetic elsewhere than before a ReLU' },
        });
    } else if (step.kind === 'reverse' && items.length === 0) front.push(step);
    else if (step.kind === 'reverse')
      items.push({ kind: 'step', step: { ...step, kind: 'other', what: 'a change of order' } });
    else if (step.kind === 'pool' && isOne(step.window) && isOne(step.strides)) continue;
    else items.push({ kind: 'step', step });
  }
  return { front, items };
};

/** Everything up to the last max-pool: convolutions with ReLU, pools, and A-LRN's normalisation. */
const trunkOf = (
  path: string,
  items: readonly Item[],
): Required<Pick<SourceNet, 'layers' | 'unweighted'>> => {
  const layers: SourceLayer[] = [];
  const unweighted: UnweightedLayer[] = [];
  for (const [i, item] of items.entries()) {
    const { step } = item;
    if (item.kind === 'weighted') {
      // Report the step in place of the ReLU instead of a missing ReLU.
      const next = items[i + 1]?.step;
      if (!item.relu && next?.kind === 'other') throw noVgg(path, next, next.what);
      if (step.kind !== 'conv') throw noVgg(path, step, 'a matrix product before the last max-pooling');
      if (!item.relu) throw noVgg(path, step, 'a convolution without ReLU after it');
      if (item.layer.padding === 'none' && step.window.some((side) => side > 1)) {
        throw noVgg(path, step, `a convolution of ${step.window.join('x')} without padding`);
      }
      layers.push(item.layer);
    } else if (step.kind === 'pool') {
      checkPool(path, step);
      unweighted.push({ kind: 'pool', name: `${step.name} (${step.op})`, after: layers.length });
    } else if (step.kind === 'lrn') {
      if (!isLrnOfPaper(step)) {
        throw noVgg(
          path,
          step,
          `normalisation with other constants (size ${step.size}, alpha ${step.alpha}, beta ${step.beta}, k ${step.k})`,
        );
      }
      unweighted.push({ kind: 'lrn', name: `${step.name} (${step.op})`, after: layers.length });
    } else throw noVgg(path, step, what(step));
  }
  return { layers, unweighted };
};

const words: Partial<Record<Step['kind'], string>> = {
  average: 'an average over all positions, where a VGG net has fully-connected layers',
  flatten: 'a flattened map before the last max-pooling',
  output: 'a soft-max or the like before the scores',
  lrn: 'local response normalisation',
};

const what = (step: Step): string =>
  step.kind === 'other' ? step.what : (words[step.kind] ?? 'out of place');

/** The numbers of inputs and outputs of a fully-connected layer: a matrix, or a kernel of 4 axes. */
const sizesOf = ({ layer }: Weighted): { inputs: number; outputs: number } => {
  const { shape } = layer.kernel;
  const at = (axis: string): number => shape[layer.axes.indexOf(axis)] ?? 1;
  if (shape.length === 4) return { inputs: at('i') * at('h') * at('w'), outputs: at('o') };
  return layer.axes.startsWith('o')
    ? { outputs: shape[0]!, inputs: shape[1]! }
    : { inputs: shape[0]!, outputs: shape[1]! };
};

const isWeighted = (item: Item): item is Weighted => item.kind === 'weighted';

/** A convolution that keeps the size of the map and is larger than 1x1 is not a fully-connected layer. */
const isSpatial = ({ layer, step }: Weighted): boolean =>
  step.kind === 'conv' && layer.padding === 'same' && step.window.some((side) => side > 1);

/** Whether two consecutive layers are fc6 and fc7. */
const isPair = (a: Weighted | undefined, b: Weighted | undefined): boolean => {
  if (!a?.relu || !b?.relu || isSpatial(a) || isSpatial(b)) return false;
  const [first, second] = [sizesOf(a), sizesOf(b)];
  return second.inputs === first.outputs && second.outputs === first.outputs;
};

/** The layers after the last max-pool: fc6, fc7 and fc8 if present, and the names of the rest. */
const headOf = (
  path: string,
  tail: readonly Item[],
): { layers: readonly SourceLayer[]; leftOut: string[] } => {
  const nameOf = ({ step }: Item): string => step.name;
  const weighted = tail.filter(isWeighted);
  const [fc6, fc7, fc8] = weighted;
  const hasPair = isPair(fc6, fc7);
  const end = hasPair ? tail.indexOf(fc7!) + 1 : tail.length;
  const before = tail.slice(0, end);
  for (const { kind, step } of before) {
    if (kind === 'step' && step.kind !== 'flatten' && step.kind !== 'output')
      throw noVgg(path, step, what(step));
  }
  const spatial = before.filter(isWeighted).find(isSpatial);
  if (spatial) throw noVgg(path, spatial.step, 'a convolution after the last max-pooling');
  if (!hasPair) return { layers: [], leftOut: tail.filter((item) => isWeighted(item)).map(nameOf) };
  const rest = tail.slice(end).filter(({ step }) => step.kind !== 'flatten' && step.kind !== 'average');
  const isEnd = weighted.length === 3 && !fc8!.relu && rest[0] === fc8;
  if (isEnd && rest.slice(1).every(({ step }) => step.kind === 'output')) {
    return { layers: [fc6!.layer, fc7!.layer, fc8!.layer], leftOut: [] };
  }
  return { layers: [fc6!.layer, fc7!.layer], leftOut: rest.map(nameOf) };
};

/**
 * Converts the steps of a graph, in order, to the layers of a VGG net.
 *
 * @throws UsageError naming the file and the first step that no VGG net has. Steps after fc7 that are not fc8
 * are ignored and listed by name
 */
export const netOf = async (path: string, steps: readonly Step[]): Promise<SourceNet> => {
  const { front, items } = itemsOf(path, steps);
  const lastPool = items.findLastIndex((item) => item.kind === 'step' && item.step.kind === 'pool');
  const after = items.slice(lastPool + 1);
  // A net that is cut before its last pool ends in convolutions.
  const isCut = after.length > 0 && after.every((item) => isWeighted(item) && item.layer.padding === 'same');
  const trunk = trunkOf(path, isCut || lastPool < 0 ? items : items.slice(0, lastPool + 1));
  if (trunk.layers.length === 0) {
    throw items[0]
      ? noVgg(path, items[0].step, what(items[0].step))
      : new UsageError(`${path} holds no VGG net: it has no layers.`);
  }
  const head = isCut ? { layers: [], leftOut: [] } : headOf(path, after);
  return {
    ...trunk,
    layers: [...trunk.layers, ...head.layers],
    leftOut: head.leftOut,
    prepared: await normalisationOf(path, front),
  };
};
