// Small nets of random weights for drawings.
import { join } from 'node:path';
import { architecture } from '../../src/backbone/nets/architecture.js';
import { saveBackbone } from '../../src/backbone/nets/backbone.js';
import { outputsOf } from '../../src/backbone/nets/box-parameters.js';
import { randomArray } from '../backbone/tf.js';

const input = { order: 'rgb', scale: 1, mean: [120, 90, 90], std: [60, 60, 60] } as const;

/** Nets of random weights: of classes, and of boxes. */
export const nets = async (
  root: string,
  classes: readonly string[],
): Promise<{ classifier: string; boxes: string }> => {
  const [classifier, boxes] = [join(root, 'classes.safetensors'), join(root, 'boxes.safetensors')];
  const small = { config: 'A', width: 0.0625, blocks: 2, inputSize: 16, fullyConnected: 8 } as const;
  const save = (path: string, outputs: number, more: object): Promise<void> =>
    saveBackbone(
      path,
      { format: 1, architecture: architecture({ ...small, outputs }), input, classes, ...more },
      (_, shape) =>
        randomArray(
          shape.reduce((a, b) => a * b, 1),
          3,
        ).map((x) => x / 2),
    );
  await save(classifier, classes.length, {});
  const unit = { mean: [0.5, 0.5, 0.7, 0.7], std: [0.1, 0.1, 0.1, 0.1] };
  await save(boxes, outputsOf('pcr', classes.length), { boxes: { regression: 'pcr', ...unit } });
  return { classifier, boxes };
};
