// The backbone file: the weights of a VGG net as safetensors, with all that is needed to use them in the metadata.
import { isRecord } from '../../checks.js';
import { UsageError, expected, messageOf } from '../../errors.js';
import {
  type Interpolation,
  fromStored,
  interpolations,
  isInterpolation,
  toStored,
} from '../../interpolation.js';
import { sha256OfFile } from '../../io/files.js';
import { type Architecture, architecture, weightShapes } from './architecture.js';
import { type TensorInfo, openSafetensors, writeSafetensors } from '../../formats/safetensors.js';
import { readAll } from '../../formats/tensor.js';
import { finite } from './finite.js';
import { type Seen, type SeenSummary, isSeenTensor, readSeen, seenSummary, seenTensors } from './seen.js';

/** How pixels (0-255) become the net's input: x = (pixel * scale - mean) / std for each channel, in `order`. */
export interface InputNormalisation {
  readonly order: 'rgb' | 'bgr';
  readonly scale: number;
  /** Three numbers each, in `order`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The interpolation nearest to the one of the net's training, where that is known (docs/weights.md). Files call it `kernel`. */
  readonly interpolation?: Interpolation;
}

/** What a backbone file says of itself. */
export interface BackboneMetadata {
  readonly format: 1;
  readonly architecture: Architecture;
  readonly input: InputNormalisation;
  /** Names of fc8's first outputs in order; empty where they are not known. */
  readonly classes: readonly string[];
  /** Names of the outputs after the classes, where the net was trained with both. */
  readonly superclasses?: readonly string[];
  /** The recipe it was trained with. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** Where it came from: file, format, checksum. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** How many images it has seen, where its file keeps their digests: see {@link Backbone.seen}. */
  readonly seen?: SeenSummary;
}

/** A backbone file whose header was checked. Holds no file open: tensors are read when asked for. */
export interface Backbone {
  readonly path: string;
  readonly metadata: BackboneMetadata;
  /** Checksum of the file's bytes, computed once. @throws UsageError naming the first tensor that is not finite */
  sha256(): Promise<string>;
  /** Digests of the images that it was trained on; undefined of nets that were imported, or made by version 0.1. */
  seen(): Promise<Seen | undefined>;
  /** By the names of `weightShapes`; `offset` and `length` are bytes of the file, float32 little-endian. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  read(name: string): Promise<Float32Array>;
  /** The same in pieces, for tensors that need not be in memory whole. */
  chunks(name: string): AsyncGenerator<Float32Array>;
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');

const isTriple = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length === 3 && value.every((x) => Number.isFinite(x));

/** Checks a normalisation field by field. @throws UsageError naming file and field */
export const checkInput = (path: string, input: unknown): InputNormalisation => {
  const at = (field: string) => `input.${field} in the metadata of ${path}`;
  if (!isRecord(input)) throw expected('an object', `input in the metadata of ${path}`, input);
  const { order, scale, mean, std, interpolation } = fromStored<Record<string, unknown>>(input);
  if (order !== 'rgb' && order !== 'bgr') throw expected('rgb or bgr', at('order'), order);
  if (typeof scale !== 'number' || !(scale > 0)) throw expected('a number above 0', at('scale'), scale);
  if (!isTriple(mean)) throw expected('three numbers', at('mean'), mean);
  if (!isTriple(std) || std.some((x) => x <= 0)) throw expected('three numbers above 0', at('std'), std);
  if (interpolation !== undefined && !isInterpolation(interpolation)) {
    const field = 'kernel' in input ? 'kernel' : 'interpolation';
    throw expected(`one of ${interpolations.join(', ')}`, at(field), interpolation);
  }
  return { order, scale, mean, std, ...(interpolation && { interpolation }) };
};

const checkArchitecture = (path: string, value: unknown): Architecture => {
  if (!isRecord(value)) throw expected('an object', `architecture in the metadata of ${path}`, value);
  try {
    const { config, width, blocks, inputSize, fullyConnected, outputs } = value as unknown as Architecture;
    return architecture({ config, width, blocks, inputSize, fullyConnected, outputs });
  } catch (error) {
    throw new UsageError(`The metadata of ${path} holds a wrong architecture. ${messageOf(error)}`);
  }
};

/**
 * Checks a backbone's metadata field by field.
 *
 * @param path the file, for the error
 * @throws UsageError that names the file and the first wrong field
 */
const checkMetadata = (path: string, value: unknown): BackboneMetadata => {
  if (!isRecord(value) || value['format'] !== 1) {
    throw expected(
      'backbone metadata of format 1',
      path,
      isRecord(value) ? { format: value['format'] } : value,
    );
  }
  const net = checkArchitecture(path, value['architecture']);
  const input = checkInput(path, value['input']);
  const { classes = [], superclasses = [] } = value;
  if (!isNames(classes)) throw expected('a list of names', `classes in the metadata of ${path}`, classes);
  if (!isNames(superclasses)) {
    throw expected('a list of names', `superclasses in the metadata of ${path}`, superclasses);
  }
  const named = classes.length + superclasses.length;
  if (named !== 0 && named !== net.outputs) {
    throw expected(`${net.outputs} class names, one for each output of fc8,`, path, named);
  }
  return { ...(value as unknown as BackboneMetadata), architecture: net, input, classes };
};

/** "config D, width 1, 5 blocks, input 224, …". */
export const describe = (net: Architecture): string =>
  `config ${net.config}, width ${net.width}, ${net.blocks} blocks, input ${net.inputSize}, ` +
  `fully-connected ${net.fullyConnected}, outputs ${net.outputs}`;

const checkShapes = (path: string, net: Architecture, tensors: ReadonlyMap<string, TensorInfo>): void => {
  const shapes = weightShapes(net);
  for (const [name, shape] of shapes) {
    const at = `the tensor ${name} of ${path} (${describe(net)})`;
    const tensor = tensors.get(name);
    if (!tensor) throw expected(`the shape ${JSON.stringify(shape)}`, at, 'no such tensor');
    if (JSON.stringify(tensor.shape) !== JSON.stringify(shape)) {
      throw new UsageError(
        `Expected the shape ${JSON.stringify(shape)} for ${at} but received ${JSON.stringify(tensor.shape)}. ` +
          'The weights and the configuration in the metadata do not belong together.',
      );
    }
    if (tensor.dtype !== 'F32') throw expected('float32 numbers (F32)', at, tensor.dtype);
  }
  const extra = [...tensors.keys()].find((name) => !shapes.has(name));
  if (extra !== undefined)
    throw expected(`only the tensors of ${describe(net)}`, path, `the tensor ${extra} too`);
};

/** Reads to the end: reading checks the numbers. */
const drained = async (pieces: AsyncGenerator<Float32Array>): Promise<void> => {
  while (!(await pieces.next()).done);
};

/**
 * Opens a backbone file and checks metadata and every shape against the architecture; weights are read on demand.
 *
 * @throws UsageError that names the file and the first wrong thing: cut short, no metadata, a tensor that is missing or
 *   whose shape differs (with the expected and the received shape)
 */
export const openBackbone = async (path: string): Promise<Backbone> => {
  const file = await openSafetensors(path);
  try {
    const text = file.metadata['verydeep'];
    if (text === undefined) {
      throw expected(
        'a backbone of verydeep (safetensors with "verydeep" in its metadata)',
        path,
        `tensors ${[...file.tensors.keys()].slice(0, 3).join(', ')}, …`,
        'Convert other weights with `verydeep weights import`.',
      );
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new UsageError(`Expected JSON in the metadata of ${path} but received ${messageOf(error)}.`);
    }
    const metadata = checkMetadata(path, value);
    const tensors = new Map([...file.tensors].filter(([name]) => !isSeenTensor(name)));
    checkShapes(path, metadata.architecture, tensors);
    let checksum: Promise<string> | undefined;
    const chunks = async function* (name: string): AsyncGenerator<Float32Array> {
      const opened = await openSafetensors(path);
      try {
        yield* finite(opened.chunks(name), `the tensor ${name} of ${path}`);
      } finally {
        await opened.close();
      }
    };
    const checked = async (): Promise<string> => {
      for (const name of tensors.keys()) await drained(chunks(name));
      return sha256OfFile(path);
    };
    return {
      path,
      metadata,
      tensors,
      sha256: () => (checksum ??= checked()),
      seen: async () => {
        if (metadata.seen === undefined) return undefined;
        const opened = await openSafetensors(path);
        try {
          return await readSeen(path, metadata.seen, async (name) =>
            opened.tensors.has(name) ? opened.readBytes(name) : undefined,
          );
        } finally {
          await opened.close();
        }
      },
      chunks,
      read: async (name) => readAll({ shape: tensors.get(name)?.shape ?? [], chunks: () => chunks(name) }),
    };
  } finally {
    await file.close();
  }
};

/** Gives a tensor's numbers when its turn to be written comes; a large one may come in pieces. */
export type ReadTensor = (
  name: string,
  shape: readonly number[],
) => Float32Array | Promise<Float32Array> | AsyncIterable<Float32Array> | Iterable<Float32Array>;

/**
 * Saves a backbone: one tensor in memory at a time, atomically, byte-identical for the same weights and metadata.
 *
 * @param read gives the tensors of `weightShapes(metadata.architecture)`, called in that order
 * @param seen the images that it was trained on, where that is known; it takes the place of `metadata.seen`
 * @throws UsageError for wrong metadata or numbers that do not fill a shape; VerydeepError when it cannot be written
 */
export const saveBackbone = async (
  path: string,
  metadata: BackboneMetadata,
  read: ReadTensor,
  seen?: Seen,
): Promise<void> => {
  const checked = checkMetadata(path, metadata);
  const said = { ...checked, input: toStored(checked.input), seen: seen && seenSummary(seen) };
  await writeSafetensors(path, { format: 'pt', verydeep: JSON.stringify(said) }, [
    ...[...weightShapes(checked.architecture)].map(([name, shape]) => ({
      name,
      shape,
      data: () => {
        const made = read(name, shape);
        return made instanceof Float32Array ? [made] : made;
      },
    })),
    ...(seen ? seenTensors(seen) : []),
  ]);
};
