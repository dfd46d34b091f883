// Exports a backbone to the formats of other programs, and to a file of half the size.
import { join } from 'node:path';
import { sha256OfFile } from '../../../io/files.js';
import { type ClaimedFiles, type Permission, claimFiles } from '../../../io/work.js';
import { openBackbone, saveBackbone } from '../../nets/backbone.js';
import type { ExportFormat } from '../options.js';
import { backboneFile } from '../../nets/builtin.js';
import { exportOnnx } from './onnx.js';
import { checkTfjs, exportTfjs } from './tfjs.js';
import { exportTorchvision } from './torchvision.js';

export type { ExportFormat };

/**
 * Writes a backbone file in a foreign format; "float16" is the file itself with numbers rounded to halves, which
 * `importWeights` reads.
 *
 * @param given the backbone file, or "builtin"
 * @param out the file to write; for "tfjs" a folder; for "onnx-external" the model, whose weights go to `out`
 * + ".data"
 * @param permission `force` replaces a file of other work
 * @returns the paths written
 * @throws UsageError for a file that is not a backbone, or a net that the format cannot express
 */
export const exportWeights = async (
  given: string,
  format: ExportFormat,
  out: string,
  permission: Pick<Permission, 'force'> = {},
): Promise<readonly string[]> => {
  const path = await backboneFile(given);
  const backbone = await openBackbone(path);
  const work = { backbone: { is: await sha256OfFile(path), shown: path }, format, precision: 'fp32' };
  const claim = (...files: string[]): Promise<ClaimedFiles> =>
    claimFiles(files, 'weights export', work, permission);
  switch (format) {
    case 'onnx': {
      const claimed = await claim(out);
      await exportOnnx(backbone, out);
      await claimed.made();
      return [out];
    }
    case 'onnx-external': {
      const claimed = await claim(out, `${out}.data`);
      await exportOnnx(backbone, out, { externalData: `${out}.data` });
      await claimed.made();
      return [out, `${out}.data`];
    }
    case 'torchvision': {
      const claimed = await claim(out);
      await exportTorchvision(backbone, out);
      await claimed.made();
      return [out];
    }
    case 'float16': {
      const claimed = await claim(out);
      await saveBackbone(
        out,
        backbone.metadata,
        (name) => backbone.chunks(name),
        await backbone.seen(),
        'F16',
      );
      await claimed.made();
      return [out];
    }
    case 'tfjs': {
      checkTfjs(backbone.metadata.architecture);
      const model = join(out, 'model.json');
      const claimed = await claim(model);
      await exportTfjs(backbone, out);
      await claimed.made();
      return [model];
    }
  }
};
