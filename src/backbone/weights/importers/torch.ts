// Imports VGG nets from torch's checkpoints: finds the state dictionary among other saved values.
import { UsageError, expected, option, text } from '../../../errors.js';
import {
  type PickledTensor,
  type PickledValue,
  isForeign,
  isPickledTensor,
} from '../../../formats/pickle.js';
import { type TorchFile, openTorchLegacy, openTorchZip } from '../../../formats/torch.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import { type OpenOptions, type WeightSource, inputPresets } from './source.js';
import { several, stateDictNet } from './state-dict.js';

/** A dictionary of tensors in a checkpoint, and the keys that lead to it ("state_dict", "model.ema"). */
interface Dictionary {
  readonly key: string;
  readonly tensors: ReadonlyMap<string, PickledTensor>;
}

const MAX_DEPTH = 6;

/** Every dictionary of tensors, and the name of the first object that was not constructed. */
const dictionariesIn = (value: PickledValue): { found: Dictionary[]; foreign: string | undefined } => {
  const found: Dictionary[] = [];
  const visited = new Set<PickledValue>();
  let foreign: string | undefined;
  const visit = (each: PickledValue, keys: readonly string[]): void => {
    if (typeof each !== 'object' || each === null || visited.has(each) || keys.length > MAX_DEPTH) return;
    visited.add(each);
    if (isForeign(each)) foreign ??= each.name;
    const items = isForeign(each) ? each.items : each;
    if (Array.isArray(items)) items.forEach((item, i) => visit(item, [...keys, String(i)]));
    if (!(items instanceof Map)) return;
    const tensors = [...items].filter(
      (entry): entry is [string, PickledTensor] => typeof entry[0] === 'string' && isPickledTensor(entry[1]),
    );
    if (tensors.length > 0) found.push({ key: keys.join('.'), tensors: new Map(tensors) });
    for (const [key, item] of items) visit(item, [...keys, String(typeof key === 'object' ? '' : key)]);
  };
  visit(value, []);
  return { found, foreign };
};

/** Weight averages over training, saved beside the last step's weights. */
const isAverage = (key: string): boolean => /(^|[._])(ema|averaged?|swa|shadow)([._]|$)/i.test(key);

/** The error for a file without a dictionary of tensors. */
const noDictionary = ({ path, program }: TorchFile, foreign: string | undefined): UsageError => {
  if (program) {
    return new UsageError(
      `${path} is a TorchScript program, not weights alone, and no program is run here. In Python, save model.state_dict(): ` +
        `torch.save(torch.jit.load(${JSON.stringify(path)}).state_dict(), "weights.pth").`,
    );
  }
  if (foreign !== undefined) {
    return new UsageError(
      `${path} holds a whole pickled object (${foreign}), not weights alone: only its own program can read it. In Python, ` +
        `save model.state_dict(): torch.save(torch.load(${JSON.stringify(path)}, weights_only=False).state_dict(), "weights.pth").`,
    );
  }
  return expected('a dictionary of tensors', path, 'a pickle without one');
};

/** Keys that end in `key`: "ema" finds "model.ema". */
const named = (found: readonly Dictionary[], key: string): Dictionary[] => {
  const exact = found.filter((each) => each.key === key);
  return exact.length > 0 ? exact : found.filter((each) => each.key.endsWith(`.${key}`));
};

const netIn = (
  file: TorchFile,
  { found, foreign }: ReturnType<typeof dictionariesIn>,
  key: string | undefined,
) => {
  const { path } = file;
  if (found.length === 0 || file.program) throw noDictionary(file, foreign);
  const chosen = key === undefined ? [] : named(found, key);
  const nets: { key: string; net: ReturnType<typeof stateDictNet> }[] = [];
  let problem: unknown;
  let fullest = 0;
  for (const { key: place, tensors } of chosen.length > 0 ? chosen : found) {
    const lazy = new Map<string, LazyTensor>();
    const net = () => {
      for (const [name, tensor] of tensors) lazy.set(name, file.tensor(name, tensor));
      return stateDictNet(path, lazy, chosen.length > 0 ? undefined : key);
    };
    try {
      nets.push({ key: place, net: net() });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // Of several dictionaries, the fault of the largest is reported.
      if (tensors.size > fullest) [problem, fullest] = [error, tensors.size];
    }
  }
  if (nets.length === 0 && key !== undefined && chosen.length === 0) {
    const keys = found.map((each) => each.key).filter((each) => each !== '');
    throw expected(
      text`a key of ${path}`,
      option('key'),
      key,
      keys.length > 0 ? `It has ${keys.join(', ')}.` : undefined,
    );
  }
  if (nets.length === 0) throw problem instanceof Error ? problem : noDictionary(file, foreign);
  const plain = nets.filter((each) => !isAverage(each.key));
  const [first] = plain.length > 0 ? plain : nets;
  const isSure = nets.length === 1 || plain.length === 1;
  if (!isSure)
    throw several(
      path,
      nets.map((each) => each.key),
    );
  const others = nets.filter((each) => each !== first).map((each) => `${each.key} (another net)`);
  return { ...first!.net, leftOut: [...(first!.net.leftOut ?? []), ...others] };
};

const sourceOf = async (file: TorchFile, { key }: OpenOptions): Promise<WeightSource> => {
  try {
    const { oxford, ...net } = netIn(file, dictionariesIn(file.value), key);
    const input = inputPresets[oxford ? 'oxford' : 'torchvision'];
    return { format: file.format, ...net, input, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
};

/** Opens the zip form. @throws UsageError naming the file and the fault */
export const openTorchZipSource = async (path: string, options: OpenOptions = {}): Promise<WeightSource> =>
  sourceOf(await openTorchZip(path), options);

/** Opens the older form. @throws UsageError naming the file and the fault */
export const openTorchLegacySource = async (path: string, options: OpenOptions = {}): Promise<WeightSource> =>
  sourceOf(await openTorchLegacy(path), options);
