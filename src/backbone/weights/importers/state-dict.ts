// Finds the layers of a VGG net in torch's state dictionaries by names and shapes, under any prefix.
import { UsageError, expected, option, text } from '../../../errors.js';
import { sizeFromShape } from '../../../shape.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import { layersOf } from '../../nets/architecture.js';
import { recogniseNet } from './recognise-net.js';
import type { ChannelStep, SourceLayer, SourceNet } from './source.js';

/** The layers of a state dictionary, and whether its names are those of nets with Oxford's preprocessing. */
interface StateDictNet extends SourceNet {
  readonly oxford: boolean;
}

const EPSILON = 1e-5; // torch's BatchNorm2d and BatchNorm1d.

/** A layer of a chain: its name without ".weight", and its number or position. */
interface Entry {
  readonly layer: string;
  readonly order: number;
}

/** Convolutions that are numbered, or named, alike: "model.features.module." and 0, 2, 5, … */
interface Chain {
  /** The prefix before the number. */
  readonly stem: string;
  /** Whether the names are Caffe's (conv1_1) instead of numbers in a sequence of modules. */
  readonly named: boolean;
  readonly entries: Entry[];
}

type Tensors = ReadonlyMap<string, LazyTensor>;

const withoutWeight = (name: string): string => name.slice(0, -'.weight'.length);

/** `conv1_1`, `conv_1_1`, `block1_conv1`, `block1.conv1`: block and place. */
const caffeName = /^(.*?)(?:conv_?(\d)_(\d)|block_?(\d)[._]conv_?(\d))$/;
/** The last number among the parts of a name: `features.module.0`, `features.0.conv`. */
const numbered = /^((?:.*\.)?)(\d+)((?:\.[A-Za-z_]\w*)?)$/;

const isKernel = ({ shape }: LazyTensor): boolean => shape.length === 4 && shape[2] === shape[3];

/** Every sequence of convolutions that begins with a three-channel input. */
const chainsIn = (tensors: Tensors): Chain[] => {
  const chains = new Map<string, Chain>();
  for (const [name, tensor] of tensors) {
    if (!name.endsWith('.weight') || !isKernel(tensor)) continue;
    const layer = withoutWeight(name);
    const caffe = caffeName.exec(layer);
    const number = numbered.exec(layer);
    if (!caffe && !number) continue;
    const stem = caffe ? caffe[1]! : number![1]!;
    const key = caffe ? `${stem} caffe` : `${stem} ${number![3]!}`;
    const order = caffe
      ? 10 * Number(caffe[2] ?? caffe[4]) + Number(caffe[3] ?? caffe[5])
      : Number(number![2]);
    const chain = chains.get(key) ?? { stem, named: caffe !== null, entries: [] };
    chain.entries.push({ layer, order });
    chains.set(key, chain);
  }
  return [...chains.values()]
    .map((chain) => ({ ...chain, entries: chain.entries.sort((a, b) => a.order - b.order) }))
    .filter(({ entries }) => tensors.get(`${entries[0]!.layer}.weight`)!.shape[1] === 3);
};

/** Returns tensors by name and records which are used. */
class Taking {
  readonly used = new Set<string>();

  constructor(readonly tensors: Tensors) {}

  take(name: string): LazyTensor | undefined {
    const tensor = this.tensors.get(name);
    if (tensor) this.used.add(name);
    return tensor;
  }

  /** Batch normalisation under a name, if there is one. */
  norm(layer: string): ChannelStep | undefined {
    if (!this.tensors.has(`${layer}.running_mean`) || !this.tensors.has(`${layer}.running_var`))
      return undefined;
    const [gamma, beta] = [this.take(`${layer}.weight`), this.take(`${layer}.bias`)];
    const [mean, variance] = [this.take(`${layer}.running_mean`)!, this.take(`${layer}.running_var`)!];
    this.take(`${layer}.num_batches_tracked`);
    return { kind: 'norm', gamma, beta, mean, variance, epsilon: EPSILON };
  }

  layer(name: string, normName: string | undefined): SourceLayer {
    const [kernel, bias] = [this.take(`${name}.weight`)!, this.take(`${name}.bias`)];
    const norm = normName === undefined ? undefined : this.norm(normName);
    return { name, kernel, axes: 'oihw', bias, ...(norm ? { after: [norm] } : {}) };
  }
}

/** Where the normalisation after a layer is: the next number, or beside it (`features.0.conv`, `features.0.bn`). */
const normNameOf = (layer: string): string | undefined => {
  if (layer.endsWith('.conv')) return `${layer.slice(0, -'conv'.length)}bn`;
  const match = /^((?:.*\.)?)(\d+)$/.exec(layer);
  return match ? `${match[1]!}${Number(match[2]) + 1}` : undefined;
};

/**
 * Checks the numbers of a row of modules: convolution, (normalisation,) ReLU are two (three), a pool one
 * more. Other numbering means that there are other modules between them.
 */
const checkNumbers = (path: string, { entries }: Chain, net: SourceNet): void => {
  const modules = layersOf(recogniseNet(path, { layers: net.layers }).net);
  const step = entries[0]!.layer.endsWith('.conv') ? 1 : net.layers[0]!.after ? 3 : 2;
  let [number, row] = [entries[0]!.order, 0];
  for (const { kind, name } of modules) {
    if (kind === 'pool') number += 1;
    if (kind !== 'conv') continue;
    const { layer, order } = entries[row]!;
    if (order !== number) {
      throw new UsageError(
        `Expected ${name} under the number ${number} (as torchvision numbers the modules of VGG nets) in ${path} but received ` +
          `${layer}: the file does not say what lies between.`,
      );
    }
    row++;
    number += step;
  }
};

const natural = new Intl.Collator('en', { numeric: true });

/** Outputs and inputs of a fully-connected layer, a matrix or a kernel of 4 axes. */
const sizesOf = ({ shape }: LazyTensor): { outputs: number; inputs: number } => ({
  outputs: shape[0]!,
  inputs: sizeFromShape(shape.slice(1)),
});

const isSquareMap = (columns: number, channels: number): boolean => {
  const side = Math.sqrt(columns / channels);
  return Number.isInteger(side) && side > 0;
};

const depth = (name: string): number => name.split('.').length;

/** Heads whose last layer has another prefix than fc6 and fc7: timm's, Cadene's. */
const lastElsewhere = /(?:^|\.)(?:head\.fc|last_linear)$/;

interface Head {
  readonly layers: readonly SourceLayer[];
  /** The numbers of its modules in the row "classifier", where they are numbered. */
  readonly numbers: readonly number[];
}

/**
 * fc6 and fc7 below `parent`, and fc8 if exactly one layer follows them; undefined if the first two do not
 * match.
 */
const headBelow = (taking: Taking, parent: string, channels: number): Head | undefined => {
  const matrices = [...taking.tensors]
    .filter(([name, tensor]) => {
      const isMatrix = tensor.shape.length === 2 || isKernel(tensor);
      return name.startsWith(parent) && name.endsWith('.weight') && isMatrix && !taking.used.has(name);
    })
    .map(([name, tensor]) => ({ layer: withoutWeight(name), ...sizesOf(tensor) }))
    .sort((a, b) => natural.compare(a.layer, b.layer));
  for (const fc6 of matrices) {
    if (!isSquareMap(fc6.inputs, channels)) continue;
    const fc7 = matrices.find(
      (each) => each !== fc6 && each.inputs === fc6.outputs && each.outputs === fc6.outputs,
    );
    if (!fc7 || depth(fc7.layer) !== depth(fc6.layer)) continue;
    const rest = matrices.filter((each) => each !== fc6 && each !== fc7);
    const [last] = rest;
    const isLast =
      rest.length === 1 &&
      last!.inputs === fc7.outputs &&
      (depth(last!.layer) === depth(fc7.layer) || lastElsewhere.test(last!.layer));
    const chosen = [fc6, fc7, ...(isLast ? [last!] : [])];
    const numbers = chosen.map(({ layer }) => Number(/\.(\d+)$/.exec(layer)?.[1] ?? NaN));
    return { layers: chosen.map(({ layer }) => taking.layer(layer, normNameOf(layer))), numbers };
  }
  return undefined;
};

/** Possible name prefixes of a chain's net, the nearest first: "model.features." gives "model." and "". */
const ancestors = (stem: string): string[] => {
  const parts = stem.split('.').slice(0, -1);
  return parts.length === 0
    ? ['']
    : parts.map((_, i) =>
        parts
          .slice(0, parts.length - 1 - i)
          .map((part) => `${part}.`)
          .join(''),
      );
};

/** jcjohnson's conversion of Oxford's nets keeps a module for the reshape: its classifier has the numbers 1, 4 and 6. */
const isJcjohnson = (numbers: readonly number[]): boolean =>
  numbers.join() === '1,4,6' || numbers.join() === '1,4';

const netOf = (path: string, tensors: Tensors, chain: Chain): StateDictNet => {
  const taking = new Taking(tensors);
  const layers = chain.entries.map(({ layer }) =>
    taking.layer(layer, chain.named ? undefined : normNameOf(layer)),
  );
  const trunk: SourceNet = { layers };
  // Throws if it is not a VGG net.
  recogniseNet(path, trunk);
  if (!chain.named) checkNumbers(path, chain, trunk);
  const channels = layers.at(-1)!.kernel.shape[0]!;
  const before = new Set(taking.used);
  let head: Head | undefined;
  for (const parent of ancestors(chain.stem)) {
    head ??= headBelow(taking, parent, channels);
  }
  // Normalisation that belongs to none of the layers taken lies between them: the head is another one.
  const isStrayNorm = (name: string): boolean =>
    /^(.*\.)?classifier\./.test(name) && name.endsWith('.running_mean') && !taking.used.has(name);
  if (head && [...tensors.keys()].some(isStrayNorm)) head = undefined;
  const used = head ? taking.used : before;
  const leftOut = [...tensors.keys()].filter(
    (name) => !used.has(name) && !name.endsWith('num_batches_tracked'),
  );
  return {
    layers: [...layers, ...(head?.layers ?? [])],
    leftOut,
    oxford: chain.named || isJcjohnson(head?.numbers ?? []),
  };
};

/**
 * The VGG net in a state dictionary, under whatever prefix. Batch normalisation is folded into the preceding
 * layer; tensors that belong to no layer are ignored and listed by name.
 *
 * @param key prefix of the names, if there are several nets @throws UsageError naming the file: no VGG net,
 * several nets, or other modules between the layers
 */
export const stateDictNet = (path: string, all: Tensors, key?: string): StateDictNet => {
  const prefix = key === undefined ? '' : `${key.replace(/\.$/, '')}.`;
  const chains = chainsIn(all).filter(({ stem }) => stem.startsWith(prefix));
  const found: StateDictNet[] = [];
  const stems: string[] = [];
  let problem: UsageError | undefined;
  for (const chain of chains) {
    try {
      found.push(netOf(path, all, chain));
      stems.push(chain.stem);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problem ??= error;
    }
  }
  if (found.length > 1)
    throw several(
      path,
      stems.map((stem) => stem.replace(/\.$/, '')),
    );
  if (found[0]) return found[0];
  if (problem) throw problem;
  throw expected(
    "VGG weights in torchvision's, timm's or Caffe's names (features.0.weight, conv1_1.weight, …, under any prefix)",
    path,
    [...all.keys()].slice(0, 4),
  );
};

/** The error for a file with several nets. */
export const several = (path: string, keys: readonly string[]): UsageError => {
  const named = keys.map((key) => JSON.stringify(key)).join(', ');
  return expected(
    'one VGG net',
    path,
    keys,
    text`It holds several: say which with ${option('key')} (${named}).`,
  );
};
