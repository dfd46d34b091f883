// The backbone file: the weights of a VGG net as safetensors; the metadata holds everything needed to use
// them.
import { isRecord } from '../../checks.js';
import { type OptionName, UsageError, expected, messageOf, option, text } from '../../errors.js';
import { kindOf } from '../../io/file-kinds.js';
import { type Interpolation, interpolations, isInterpolation } from '../../interpolation.js';
import { fromStored, toStored } from '../../stored.js';
import { sha256OfFile } from '../../io/files.js';
import { type Architecture, architecture, weightShapes } from './architecture.js';
import { type TensorInfo, openSafetensors, writeSafetensors } from '../../formats/safetensors.js';
import { readAll } from '../../formats/tensor.js';
import { type BoxOutputs, outputsOf, regressions } from './box-parameters.js';
import { finite } from './finite.js';
import { type Seen, type SeenSummary, isSeenTensor, readSeen, seenSummary, seenTensors } from './seen.js';

/** How to get a backbone, for who has none. */
export const BACKBONE_ADVICE = text`\`verydeep weights download vgg16-torchvision\` with ${option('out')} vgg16.safetensors fetches a net that ImageNet trained, \`verydeep train\` trains one on your images, and \`verydeep weights import\` converts weights of other programs.`;

/** How pixels (0-255) become the net's input: x = (pixel * scale - mean) / std for each channel, in `order`. */
export interface InputNormalisation {
  readonly order: 'rgb' | 'bgr';
  readonly scale: number;
  /** Three numbers each, in `order`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /**
   * The interpolation closest to that of the net's training, if known (docs/weights.md). Files call it
   * `kernel`.
   */
  readonly interpolation?: Interpolation;
}

/** The metadata of a backbone file. */
export interface BackboneMetadata {
  readonly format: 1;
  readonly architecture: Architecture;
  readonly input: InputNormalisation;
  /** Names of fc8's first outputs, in order; empty if unknown. */
  readonly classes: readonly string[];
  /** Names of the outputs after the classes, if the net was trained with both. */
  readonly superclasses?: readonly string[];
  /** How the outputs are boxes, for a net that localises: of all classes, or of each of `classes` in turn. */
  readonly boxes?: BoxOutputs;
  /** The training recipe. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** The source of imported weights: file, format, checksum. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** Number of images it has seen, if the file keeps their digests: see {@link Backbone.seen}. */
  readonly seen?: SeenSummary;
}

/** A backbone file with a checked header. Keeps no file open: tensors are read on demand. */
export interface Backbone {
  readonly path: string;
  readonly metadata: BackboneMetadata;
  /** Checksum of the file's bytes, computed once. @throws UsageError naming the first tensor that is not finite */
  sha256(): Promise<string>;
  /** Digests of the training images; undefined for imported nets and files of version 0.1. */
  seen(): Promise<Seen | undefined>;
  /**
   * Tensors by the names of `weightShapes`; `offset` and `length` are in bytes, the data is little-endian
   * float32.
   */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  read(name: string): Promise<Float32Array>;
  /** Reads a tensor in pieces, so that it need not fit in memory. */
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
 * @param path the file, for error messages @throws UsageError naming the file and the first invalid field
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
  if (value['boxes'] !== undefined) checkBoxes(path, value['boxes'], classes.length, net.outputs);
  else if (named !== 0 && named !== net.outputs) {
    throw expected(`${net.outputs} class names, one for each output of fc8,`, path, named);
  }
  return { ...(value as unknown as BackboneMetadata), architecture: net, input, classes };
};

const isFour = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length === 4 && value.every((x) => Number.isFinite(x));

/** Checks how outputs are boxes. @throws UsageError naming file and field */
const checkBoxes = (path: string, value: unknown, classes: number, outputs: number): void => {
  const at = (field: string) => `boxes.${field} in the metadata of ${path}`;
  const { regression, mean, std } = isRecord(value) ? value : {};
  const known = regressions.find((name) => name === regression);
  if (known === undefined) throw expected(`one of ${regressions.join(', ')}`, at('regression'), regression);
  if (!isFour(mean)) throw expected('four numbers', at('mean'), mean);
  if (!isFour(std) || std.some((x) => x <= 0)) throw expected('four numbers above 0', at('std'), std);
  const wanted = outputsOf(known, classes);
  if (wanted !== outputs) throw expected(`${wanted} outputs of fc8, for ${classes} classes,`, path, outputs);
};

/** "config D, width 1, 5 blocks, input 224, …". */
export const describe = (net: Architecture): string =>
  `config ${net.config}, width ${net.width}, ${net.blocks} blocks, input ${net.inputSize}, ` +
  `fully-connected ${net.fullyConnected}, outputs ${net.outputs}`;

const checkShapes = (
  path: string,
  net: Architecture,
  tensors: ReadonlyMap<string, TensorInfo>,
  type: NumberType,
): void => {
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
    if (tensor.dtype !== 'F32' && tensor.dtype !== type)
      throw expected('float32 numbers (F32)', at, tensor.dtype, tensor.dtype === 'F16' ? HALF_ADVICE : '');
  }
  const extra = [...tensors.keys()].find((name) => !shapes.has(name));
  if (extra !== undefined)
    throw expected(`only the tensors of ${describe(net)}`, path, `the tensor ${extra} too`);
};

/** The type of a file's numbers: backbones are mapped as float32, files of half the size are to be imported. */
type NumberType = 'F32' | 'F16';

const HALF_ADVICE = '`verydeep weights import` makes a backbone of a file of half the size.';

/** Read to the end: reading checks the numbers. */
const drained = async (pieces: AsyncGenerator<Float32Array>): Promise<void> => {
  while (!(await pieces.next()).done);
};

/**
 * Opens a backbone file and checks metadata and every shape against the architecture; weights are read on
 * demand.
 *
 * @param where the option that named the file, for messages
 * @throws UsageError naming the file and the first fault: truncated, no metadata, a missing tensor, a wrong
 * shape (with the expected and the received shape)
 */
export const openBackbone = (path: string, where?: OptionName): Promise<Backbone> =>
  openAs('F32', path, where);

/** Opens a backbone file of float32 or float16 numbers, to convert it. @throws UsageError as {@link openBackbone} */
export const openStoredBackbone = (path: string): Promise<Backbone> => openAs('F16', path);

const openAs = async (type: NumberType, path: string, where?: OptionName): Promise<Backbone> => {
  const file = await openSafetensors(path, {
    what: 'backbone',
    inside: ['backbone.safetensors', '*.safetensors'],
    ...(where && { where }),
  });
  try {
    const note = file.metadata['verydeep'];
    if (note === undefined) {
      const kind = kindOf(file.metadata);
      if (kind)
        throw expected('a backbone', where ? text`${path} given for ${where}` : path, kind.is, kind.advice);
      throw expected(
        'a backbone of verydeep (safetensors with "verydeep" in its metadata)',
        path,
        `tensors ${[...file.tensors.keys()].slice(0, 3).join(', ')}, …`,
        'Convert other weights with `verydeep weights import`.',
      );
    }
    let value: unknown;
    try {
      value = JSON.parse(note);
    } catch (error) {
      throw new UsageError(`Expected JSON in the metadata of ${path} but received ${messageOf(error)}.`);
    }
    const metadata = checkMetadata(path, value);
    const tensors = new Map([...file.tensors].filter(([name]) => !isSeenTensor(name)));
    checkShapes(path, metadata.architecture, tensors, type);
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

/** Returns a tensor's numbers when it is written; a large tensor may come in pieces. */
export type ReadTensor = (
  name: string,
  shape: readonly number[],
) => Float32Array | Promise<Float32Array> | AsyncIterable<Float32Array> | Iterable<Float32Array>;

/**
 * Saves a backbone: one tensor in memory at a time, atomically, byte-identical for the same weights and
 * metadata.
 *
 * @param read returns the tensors of `weightShapes(metadata.architecture)`; called in that order @param seen
 * the training images, if known; replaces `metadata.seen` @param dtype F16 rounds to half the size @throws UsageError for invalid metadata or numbers
 * that do not match a shape; VerydeepError when the file cannot be written
 */
export const saveBackbone = async (
  path: string,
  metadata: BackboneMetadata,
  read: ReadTensor,
  seen?: Seen,
  dtype: NumberType = 'F32',
): Promise<void> => {
  const checked = checkMetadata(path, metadata);
  const said = { ...checked, input: toStored(checked.input), seen: seen && seenSummary(seen) };
  await writeSafetensors(path, { format: 'pt', verydeep: JSON.stringify(said) }, [
    ...[...weightShapes(checked.architecture)].map(([name, shape]) => ({
      name,
      shape,
      dtype,
      data: () => {
        const made = read(name, shape);
        return made instanceof Float32Array ? [made] : made;
      },
    })),
    ...(seen ? seenTensors(seen) : []),
  ]);
};
