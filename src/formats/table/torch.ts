// Opens torch's files (.pt) as tables: a tensor, a dictionary or tuple of tensors and lists of texts, or a dictionary of one
// vector for each name.
import { UsageError, expected } from '../../errors.js';
import { type PickledTensor, type PickledValue, isForeign, isPickledTensor } from '../pickle.js';
import { readAll } from '../tensor.js';
import { type TorchFile, openTorchLegacy, openTorchZip } from '../torch.js';
import { type Block, type ForeignTable, type TableColumn, WHAT } from './table.js';

/** The name of a value that has none. */
const NAMELESS = 'tensor';

const isVectors = (value: PickledValue | undefined): value is PickledTensor =>
  isPickledTensor(value) &&
  value.shape.length >= 2 &&
  value.shape.slice(2).every((n) => n === 1) &&
  ['F16', 'BF16', 'F32', 'F64'].includes(value.storage.dtype ?? '');

const isNames = (value: PickledValue | undefined): value is (string | number)[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((each) => typeof each === 'string' || Number.isInteger(each));

/** Values by name: of a dictionary its items, of a list or tuple its places, else the value itself. */
const itemsOf = (value: PickledValue): [string, PickledValue][] => {
  if (value instanceof Map) {
    return [...value].flatMap(([key, item]): [string, PickledValue][] =>
      typeof key === 'string' || typeof key === 'number' ? [[String(key), item]] : [],
    );
  }
  if (Array.isArray(value) && !isNames(value))
    return value.map((item, i): [string, PickledValue] => [String(i), item]);
  return [[NAMELESS, value]];
};

/** Blocks of whole rows from pieces of any length. */
async function* wholeRows(
  pieces: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  width: number,
): AsyncGenerator<Block> {
  let rest = new Float32Array(0);
  for await (const piece of pieces) {
    const all = new Float32Array(rest.length + piece.length);
    all.set(rest);
    all.set(piece, rest.length);
    const rows = Math.floor(all.length / width);
    rest = all.slice(rows * width);
    if (rows > 0) yield { rows, data: all.subarray(0, rows * width) };
  }
}

const foreignIn = (value: PickledValue): string | undefined => {
  if (isForeign(value)) return value.name;
  const inner = value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : [];
  return inner.find(isForeign)?.name;
};

/** One vector for each name: every item a tensor of one axis, or one row. */
const vectorsByName = (items: readonly [string, PickledValue][]): [string, PickledTensor][] | undefined => {
  const vectors = items.filter(
    (item): item is [string, PickledTensor] =>
      isPickledTensor(item[1]) && (item[1].shape.length === 1 || item[1].shape[0] === 1),
  );
  return items.length > 0 && vectors.length === items.length ? vectors : undefined;
};

const byName = (file: TorchFile, vectors: readonly [string, PickledTensor][]): ForeignTable => {
  const half = vectors[0]![1].storage.dtype === 'F16';
  const width = vectors[0]![1].shape.reduce((all, n) => all * n, 1);
  return {
    path: file.path,
    format: 'torch',
    columns: [
      { name: NAMELESS, kind: 'numbers', rows: vectors.length, half },
      { name: 'id', kind: 'texts', rows: vectors.length },
    ],
    texts: () => Promise.resolve(vectors.map(([name]) => name)),
    numbers: async function* () {
      for (const [name, tensor] of vectors) {
        const data = await readAll(file.tensor(name, tensor));
        if (data.length !== width)
          throw expected(`${width} numbers, as the first`, `${name} of ${file.path}`, data.length);
        yield { rows: 1, data };
      }
    },
    close: () => file.close(),
  };
};

/** Opens a file of torch.save. @throws UsageError for one without vectors */
export const openTorchTable = async (path: string, legacy: boolean): Promise<ForeignTable> => {
  const file = await (legacy ? openTorchLegacy : openTorchZip)(path, WHAT);
  try {
    const items = itemsOf(file.value);
    const vectors = items.some(([, value]) => isVectors(value)) ? undefined : vectorsByName(items);
    if (vectors && file.value instanceof Map) return byName(file, vectors);
    const columns = items.flatMap(([name, value]): TableColumn[] => {
      if (isVectors(value))
        return [{ name, kind: 'numbers', rows: value.shape[0]!, half: value.storage.dtype === 'F16' }];
      return isNames(value) ? [{ name, kind: 'texts', rows: value.length }] : [];
    });
    const values = new Map(items);
    if (!columns.some(({ kind }) => kind === 'numbers')) {
      const foreign = foreignIn(file.value);
      throw foreign === undefined
        ? expected('a tensor [images, numbers]', path, 'none', 'Save one: torch.save(features, path).')
        : new UsageError(
            `${path} holds pickled objects (${foreign}), which are not read: they may run any program. Save a tensor: torch.save(torch.as_tensor(features), path).`,
          );
    }
    return {
      path,
      format: 'torch',
      columns,
      texts: (name) => Promise.resolve((values.get(name) as (string | number)[]).map(String)),
      numbers: (name) => {
        const tensor = values.get(name) as PickledTensor;
        return wholeRows(file.tensor(name, tensor).chunks(), tensor.shape[1]!);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
