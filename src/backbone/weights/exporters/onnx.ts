// Exports a backbone as an ONNX model: one file, or a small model and a file of weights. Both are streamed.
import { basename } from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { writeAtomically } from '../../../io/files.js';
import { weightShapes } from '../../nets/architecture.js';
import type { Backbone } from '../../nets/backbone.js';
import { cropGraph } from '../../nets/crop-graph.js';
import { NOTE, noteOf } from '../../nets/note.js';

/** The lowest versions that have all the operators used, so that old runtimes can read the model. */
const VERSIONS = { irVersion: 8, opset: 13 } as const;

/** Alignment in bytes of weights in a separate file. */
const ALIGNMENT = 64;

interface OnnxOptions {
  /** Writes the weights to this file beside the model, instead of into the model. */
  readonly externalData?: string;
}

const write = async (file: FileHandle, pieces: AsyncIterable<Uint8Array>): Promise<void> => {
  for await (const bytes of pieces) await file.writeFile(bytes);
};

/** The bytes of a tensor of the file. */
async function* bytesOf(backbone: Backbone, name: string): AsyncGenerator<Uint8Array> {
  for await (const piece of backbone.chunks(name))
    yield new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
}

/** The bytes of all tensors, each zero-padded to a multiple of the alignment. */
async function* alignedBytes(backbone: Backbone): AsyncGenerator<Uint8Array> {
  for (const name of weightShapes(backbone.metadata.architecture).keys()) {
    yield* bytesOf(backbone, name);
    yield new Uint8Array(-backbone.tensors.get(name)!.length & (ALIGNMENT - 1));
  }
}

/**
 * Writes a backbone as an ONNX model (opset 13). Input `input` [batch, 3, side, side] is normalised as the metadata
 * says (the note `verydeep.input` in the model repeats it); outputs are `fc7` and `scores`.
 *
 * @param out path of the model
 * @throws UsageError for a net of more than 2 GB without `externalData`
 * @throws VerydeepError when it cannot be written
 */
export const exportOnnx = async (
  backbone: Backbone,
  out: string,
  { externalData }: OnnxOptions = {},
): Promise<void> => {
  let offset = 0;
  const graph = cropGraph(backbone, (name, dims) => {
    const { length } = backbone.tensors.get(name)!;
    if (externalData === undefined)
      return { type: 'float32', dims, length, bytes: () => bytesOf(backbone, name) };
    const start = offset;
    offset += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    return { type: 'float32', dims, location: basename(externalData), offset: start, length };
  });
  if (externalData !== undefined)
    await writeAtomically(externalData, (file) => write(file, alignedBytes(backbone)));
  const model = graph.stream({ ...VERSIONS, metadata: { [NOTE]: noteOf(backbone.metadata) } });
  await writeAtomically(out, (file) => write(file, model));
};
