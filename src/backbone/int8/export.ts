// Exports a quantised backbone as an ONNX model for other programs: 8-bit weights, pixels in, fc7 and scores
// out.
import { basename } from 'node:path';
import { fileChunks } from '../../io/file-chunks.js';
import { writeAtomically, writeFileAtomically } from '../../io/files.js';
import { layersOf } from '../nets/architecture.js';
import type { Backbone } from '../nets/backbone.js';
import { buildInt8Graph } from './graph.js';
import { NOTE, noteOf } from '../nets/note.js';

/** The lowest versions that have all the operators used, so that old runtimes can read the model. */
const VERSIONS = { irVersion: 8, opset: 18 } as const;

/**
 * The model's outputs and their layers: fc7 after ReLU and the scores, or the last pool of a net without
 * them.
 */
export const int8Outputs = ({ metadata: { architecture } }: Backbone): ReadonlyMap<string, string> => {
  const last = layersOf(architecture).at(-1)!.name;
  return last === 'fc8'
    ? new Map([
        ['fc7', 'fc7'],
        ['scores', 'fc8'],
      ])
    : new Map([[last, last]]);
};

/**
 * Writes a quantised net as an ONNX model (opset 18) of ONNX's own operators. Its input `pixels` is an
 * unnormalised image, uint8 [1, height, width, 3] in RGB order, no smaller than the net's input: the
 * normalisation is in the weights. The outputs `fc7` and `scores` are averages over the positions of the
 * dense net, like descriptors.
 *
 * @param quantised the file that `writeQuantised` made from the backbone
 * @param out path of the model
 * @param externalData a file beside the model that receives the weights; without it the model contains them
 * @throws UsageError for a quantised file of another backbone
 * @throws VerydeepError when it cannot be written
 */
export const exportInt8Onnx = async (
  backbone: Backbone,
  quantised: string,
  out: string,
  { externalData }: { readonly externalData?: string } = {},
): Promise<void> => {
  const named = int8Outputs(backbone);
  const { graph, values } = await buildInt8Graph(quantised, backbone, {
    layers: [...named.values()],
    flip: false,
    standard: true,
    ...(externalData === undefined ? { embed: true } : { location: basename(externalData) }),
  });
  [...named.keys()].forEach((name, i) => {
    const [{ channels }, value] = values[i]!;
    graph.output(graph.node('Identity', [value], {}, { name }), 'float32', [channels]);
  });
  const model = graph.model({ ...VERSIONS, metadata: { [NOTE]: noteOf(backbone.metadata) } });
  if (externalData !== undefined) {
    // The quantised file itself: the model points to its tensors.
    await writeAtomically(externalData, async (file) => {
      for await (const chunk of fileChunks(quantised)) await file.writeFile(chunk);
    });
  }
  await writeFileAtomically(out, model);
};
