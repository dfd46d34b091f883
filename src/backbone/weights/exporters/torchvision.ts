// Exports a backbone as safetensors with torchvision's names: `features.0.weight`, …, `classifier.6.bias`.
import { UsageError, option, text } from '../../../errors.js';
import { writeSafetensors } from '../../../formats/safetensors.js';
import { type Architecture, type DenseLayer, layersOf, weightShapes } from '../../nets/architecture.js';
import type { Backbone } from '../../nets/backbone.js';
import { interpret } from '../../nets/interpret.js';
import { NOTE, noteOf } from '../../nets/note.js';

const heads: Readonly<Record<DenseLayer['name'], string>> = {
  fc6: 'classifier.0',
  fc7: 'classifier.3',
  fc8: 'classifier.6',
};

/** Maps our layer names to torchvision's: every convolution, ReLU and pool counts in `features`. */
export const torchvisionNames = (net: Architecture): ReadonlyMap<string, string> => {
  const names = new Map<string, string>();
  const next = (index: number): number => index + 1;
  interpret(
    layersOf(net),
    {
      conv: (index, { name }) => {
        names.set(name, `features.${index}`);
        return next(index);
      },
      dense: (index, { name }) => {
        names.set(name, heads[name]);
        return index;
      },
      relu: next,
      pool: next,
      lrn: () => {
        throw new UsageError(
          text`Expected a net without local response normalisation for ${option('format')} torchvision but received ${net.config}: torchvision has no such layer. Export it as onnx.`,
        );
      },
    },
    0,
  );
  return names;
};

/**
 * Writes a backbone as safetensors for `torchvision.models.vggNN().load_state_dict`. The net keeps its own
 * preprocessing, recorded in the metadata's `verydeep.input`.
 *
 * @throws UsageError for a net with local response normalisation, which torchvision does not have
 */
export const exportTorchvision = async (backbone: Backbone, out: string): Promise<void> => {
  const names = torchvisionNames(backbone.metadata.architecture);
  const entries = [...weightShapes(backbone.metadata.architecture)].map(([tensor, shape]) => {
    const [layer = '', part = ''] = tensor.split('.');
    return { name: `${names.get(layer)!}.${part}`, shape, data: () => backbone.chunks(tensor) };
  });
  await writeSafetensors(out, { format: 'pt', [NOTE]: noteOf(backbone.metadata) }, entries);
};
