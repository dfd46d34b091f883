// Exports a backbone to the formats of other programs.
import { openBackbone } from '../../nets/backbone.js';
import type { ExportFormat } from '../options.js';
import { exportOnnx } from './onnx.js';
import { exportTfjs } from './tfjs.js';
import { exportTorchvision } from './torchvision.js';

export type { ExportFormat };

/**
 * Writes a backbone file in a foreign format.
 *
 * @param path the backbone file
 * @param out the file to write; for "tfjs" a folder; for "onnx-external" the model, whose weights go to `out`
 * + ".data"
 * @returns the paths written
 * @throws UsageError for a file that is not a backbone, or a net that the format cannot express
 */
export const exportWeights = async (
  path: string,
  format: ExportFormat,
  out: string,
): Promise<readonly string[]> => {
  const backbone = await openBackbone(path);
  switch (format) {
    case 'onnx':
      await exportOnnx(backbone, out);
      return [out];
    case 'onnx-external':
      await exportOnnx(backbone, out, { externalData: `${out}.data` });
      return [out, `${out}.data`];
    case 'torchvision':
      await exportTorchvision(backbone, out);
      return [out];
    case 'tfjs':
      await exportTfjs(backbone, out);
      return [`${out}/model.json`];
  }
};
