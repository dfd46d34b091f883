// Exports a backbone in 8 bits, with the calibration and fidelity check of an int8 extraction.
import { dirname } from 'node:path';
import { usableCores } from '../../cores.js';
import { exportInt8Onnx, int8Outputs } from '../../backbone/int8/export.js';
import type { Item } from '../../datasets/dataset.js';
import { VerydeepError, option, text } from '../../errors.js';
import { sha256OfFile } from '../../io/files.js';
import { claimFiles, hashOfImages } from '../../io/work.js';
import type { OnProgress } from '../../progress.js';
import { openBackbone } from '../../backbone/nets/backbone.js';
import { backboneFile } from '../../backbone/nets/builtin.js';
import { fidelityText, gateText } from './int8-fidelity.js';
import { type Int8Options, type PreparedInt8, prepareInt8 } from './int8.js';
import { openNets } from './plan.js';

/** Options of an 8-bit export. */
export interface Int8ExportOptions extends Omit<Int8Options, 'calibration'> {
  /** Replace a file of other options. */
  readonly force?: boolean;
  /** The calibration set; the fidelity is measured on images of it that are held out. */
  readonly calibration: readonly Item[];
  /** Writes the weights to a file beside the model, `out` + ".data". */
  readonly external?: boolean;
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

/** The written files and their fidelity to float32. */
export interface Int8Export extends Pick<PreparedInt8, 'bits' | 'fidelity' | 'accepted'> {
  readonly written: readonly string[];
}

/**
 * Quantises a backbone and writes it as an ONNX model. The fidelity is the smallest over the model's outputs,
 * measured at the scales of the default recipe on held-out images.
 *
 * @param given the backbone file, or "builtin"
 * @param out the model to write
 * @throws UsageError if the file is not a backbone, or no calibration image can be read
 * @throws VerydeepError if the fidelity check fails and `allowLowFidelity` is not given
 */
export const exportInt8 = async (
  given: string,
  out: string,
  { calibration, external = false, threads = usableCores(), force, onProgress, ...int8 }: Int8ExportOptions,
): Promise<Int8Export> => {
  const path = await backboneFile(given);
  const backbone = await openBackbone(path);
  const layers = [...int8Outputs(backbone).values()];
  const files = external ? [out, `${out}.data`] : [out];
  const work = {
    backbone: { is: await sha256OfFile(path), shown: path },
    format: external ? 'onnx-external' : 'onnx',
    precision: 'int8',
    calibration: { is: hashOfImages(calibration), shown: `${calibration.length} images` },
    calibrationImages: int8.calibrationImages,
    bits: int8.bits,
  };
  const claimed = await claimFiles(files, 'weights export', work, { force });
  const nets = await openNets([path], { layers, precision: 'int8' });
  const context = { ...nets, threads, onProgress };
  const prepared = await prepareInt8(nets.backbones, calibration, dirname(out), context, int8);
  const { bits, fidelity, accepted } = prepared;
  if (!accepted && !int8.allowLowFidelity) {
    throw new VerydeepError(
      text`Not exported: int8 does not pass ${gateText}: ${fidelityText(fidelity)}. Calibrate on more images like those that the net will see (${option('calibration')}, ${option('calibrationImages')}), or add ${option('allowLowFidelity')} to export it anyway.`,
    );
  }
  const [, data] = files;
  await exportInt8Onnx(
    nets.backbones[0]!,
    prepared.files[0]!,
    out,
    data === undefined ? {} : { externalData: data },
  );
  await claimed.made();
  return { written: files, bits, fidelity, accepted };
};
