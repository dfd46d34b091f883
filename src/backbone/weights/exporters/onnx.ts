// A backbone as an ONNX model: one file, or a small model beside a file of weights. Streamed either way.
import { basename } from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { writeAtomically } from '../../../io/files.js';
import { GraphBuilder } from '../../../engine/onnx.js';
import { lastMapSide, layersOf, weightShapes } from '../../nets/architecture.js';
import type { Backbone } from '../../nets/backbone.js';
import { lrnAttributes } from '../../nets/graph.js';
import { NOTE, noteOf } from '../../nets/note.js';

/** Lowest versions that have all operators used, so that old runtimes can read the model. */
const [IR_VERSION, OPSET] = [8, 13];

/** Message fields of onnx.proto that are written here by hand. */
const field = {
  irVersion: 1,
  producer: 2,
  graph: 7,
  opset: 8,
  metadata: 14,
  initializer: 5,
} as const;

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return bytes;
};

/** Key and length of a field of bytes; the bytes follow. */
const header = (number: number, length: number): Uint8Array =>
  Uint8Array.from([...varint(number * 8 + 2), ...varint(length)]);

const bytesField = (number: number, content: Uint8Array | string): Uint8Array => {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([header(number, bytes.length), bytes]);
};

const numberField = (number: number, value: number): Uint8Array =>
  Uint8Array.from([...varint(number * 8), ...varint(value)]);

/** A TensorProto up to its numbers: dims, float32, name. */
const tensorStart = (name: string, shape: readonly number[]): Uint8Array =>
  Buffer.concat([...shape.map((n) => numberField(1, n)), numberField(2, 1), bytesField(8, name)]);

/** An initializer whose numbers lie in another file. */
const externalTensor = (
  name: string,
  shape: readonly number[],
  place: { location: string; offset: number; length: number },
): Uint8Array =>
  Buffer.concat([
    tensorStart(name, shape),
    ...Object.entries(place).map(([key, value]) =>
      bytesField(13, Buffer.concat([bytesField(1, key), bytesField(2, String(value))])),
    ),
    numberField(14, 1),
  ]);

/**
 * The graph without its weights: `input` [batch, 3, side, side], normalised as the backbone's metadata says, to `fc7`
 * (after ReLU) and `scores`; of a net without fully-connected layers to the last pool.
 */
const graphOf = ({ metadata: { architecture: net } }: Backbone): Uint8Array => {
  const graph = new GraphBuilder();
  const shapes = weightShapes(net);
  let x = graph.input('input', 'float32', ['batch', 3, net.inputSize, net.inputSize]);
  for (const layer of layersOf(net)) {
    if (layer.kind === 'pool') {
      x = graph.node('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] }, { name: layer.name });
      continue;
    }
    if (layer.kind === 'lrn') {
      x = graph.node('LRN', [x], lrnAttributes, { name: layer.name });
      continue;
    }
    const { kind, name, kernel } = layer;
    // Weights are declared as inputs of the builder and given as initializers when the file is written.
    const [weight, bias] = [`${name}.weight`, `${name}.bias`].map((tensor) =>
      graph.input(tensor, 'float32', shapes.get(tensor)!),
    );
    if (kind === 'conv') {
      const pad = kernel === 3 ? 1 : 0;
      const attributes = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] };
      x = graph.node('Conv', [x, weight!, bias!], attributes, { name: `${name}.linear` });
    } else {
      if (name === 'fc6') x = graph.node('Flatten', [x], { axis: 1 }, { name: 'flat' });
      const last = name === 'fc8';
      x = graph.node(
        'Gemm',
        [x, weight!, bias!],
        { transB: 1 },
        { name: last ? 'scores' : `${name}.linear` },
      );
    }
    if (name !== 'fc8') x = graph.node('Relu', [x], {}, { name });
  }
  if (net.fullyConnected > 0) {
    graph.output('fc7', 'float32', ['batch', net.fullyConnected]);
    graph.output('scores', 'float32', ['batch', net.outputs]);
  } else {
    const channels = shapes.get([...shapes.keys()].at(-1)!)![0]!;
    graph.output(x, 'float32', ['batch', channels, lastMapSide(net), lastMapSide(net)]);
  }
  return withoutWeightInputs(graph.model(), shapes);
};

/** Fields of an encoded message: number, whole bytes, and content where it has some. */
function* splitFields(
  bytes: Uint8Array,
): Generator<{ number: number; whole: Uint8Array; content: Uint8Array }> {
  const next = (at: number): [value: number, end: number] => {
    let [value, factor] = [0, 1];
    for (; ; at++) {
      value += (bytes[at]! & 0x7f) * factor;
      factor *= 0x80;
      if (bytes[at]! < 0x80) return [value, at + 1];
    }
  };
  for (let at = 0; at < bytes.length;) {
    const [key, afterKey] = next(at);
    const [value, afterValue] = next(afterKey);
    const end = key % 8 === 2 ? afterValue + value : afterValue;
    yield {
      number: Math.floor(key / 8),
      whole: bytes.subarray(at, end),
      content: bytes.subarray(afterValue, end),
    };
    at = end;
  }
}

/** The graph message of a model, less the inputs that initializers will fill. */
const withoutWeightInputs = (model: Uint8Array, shapes: ReadonlyMap<string, unknown>): Uint8Array => {
  const graph = [...splitFields(model)].find(({ number }) => number === field.graph)!.content;
  const INPUT = 11;
  const isWeight = (input: Uint8Array): boolean => {
    const name = [...splitFields(input)].find(({ number }) => number === 1)!.content;
    return shapes.has(Buffer.from(name).toString());
  };
  const kept = [...splitFields(graph)].filter(
    ({ number, content }) => number !== INPUT || !isWeight(content),
  );
  return Buffer.concat(kept.map(({ whole }) => whole));
};

const modelStart = (): Uint8Array =>
  Buffer.concat([numberField(field.irVersion, IR_VERSION), bytesField(field.producer, 'verydeep')]);

const modelEnd = (backbone: Backbone): Uint8Array =>
  Buffer.concat([
    bytesField(field.opset, numberField(2, OPSET)),
    bytesField(
      field.metadata,
      Buffer.concat([bytesField(1, NOTE), bytesField(2, noteOf(backbone.metadata))]),
    ),
  ]);

export interface OnnxOptions {
  /** Writes the weights to this file beside the model instead of into it. */
  readonly externalData?: string;
}

const write = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, Math.min(bytes.length - done, 1 << 26))).bytesWritten;
  }
};

/**
 * Writes a backbone as an ONNX model (opset 13). Input `input` [batch, 3, side, side] is normalised as the metadata
 * says (the note `verydeep.input` in the model repeats it); outputs are `fc7` and `scores`.
 *
 * @param out path of the model
 * @throws VerydeepError when it cannot be written
 */
export const exportOnnx = async (
  backbone: Backbone,
  out: string,
  options: OnnxOptions = {},
): Promise<void> => {
  const shapes = [...weightShapes(backbone.metadata.architecture)];
  const graph = graphOf(backbone);
  const lengthOf = (name: string) => backbone.tensors.get(name)!.length;
  if (options.externalData !== undefined) {
    let offset = 0;
    const initializers = shapes.map(([name, shape]) => {
      const place = { location: basename(options.externalData!), offset, length: lengthOf(name) };
      offset += Math.ceil(place.length / 64) * 64;
      return bytesField(field.initializer, externalTensor(name, shape, place));
    });
    await writeAtomically(options.externalData, async (file) => {
      for (const [name] of shapes) {
        for await (const piece of backbone.chunks(name)) {
          await write(file, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
        }
        await write(file, new Uint8Array(-lengthOf(name) & 63));
      }
    });
    const content = Buffer.concat([graph, ...initializers]);
    await writeAtomically(out, (file) =>
      write(file, Buffer.concat([modelStart(), bytesField(field.graph, content), modelEnd(backbone)])),
    );
    return;
  }
  const starts = shapes.map(([name, shape]) => {
    const start = Buffer.concat([tensorStart(name, shape), header(9, lengthOf(name))]);
    return Buffer.concat([header(field.initializer, start.length + lengthOf(name)), start]);
  });
  const total = shapes.reduce((sum, [name], i) => sum + starts[i]!.length + lengthOf(name), graph.length);
  await writeAtomically(out, async (file) => {
    await write(file, Buffer.concat([modelStart(), header(field.graph, total), graph]));
    for (const [i, [name]] of shapes.entries()) {
      await write(file, starts[i]!);
      for await (const piece of backbone.chunks(name)) {
        await write(file, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
      }
    }
    await write(file, modelEnd(backbone));
  });
};
