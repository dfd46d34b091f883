// Exports a backbone in 8 bits, with the calibration and fidelity check of an int8 extraction.
import { dirname } from 'node:path';
import { usableCores } from '../../cores.js';
import { exportInt8Onnx, int8Outputs } from '../../backbone/int8/export.js';
import type { Item } from '../../datasets/dataset.js';
import { VerydeepError, option, text } from '../../errors.js';
import type { OnProgress } from '../../progress.js';
import { openBackbone } from '../../backbone/nets/backbone.js';
import { fidelityText, gateText } from './int8-fidelity.js';
import { type Int8Options, type PreparedInt8, prepareInt8 } from './int8.js';
import { openNets } from './plan.js';

/** Options of an 8-bit export. */
export interface Int8ExportOptions extends Omit<Int8Options, 'calibration'> {
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
 * @param path the backbone file
 * @param out the model to write
 * @throws UsageError if the file is not a backbone, or no calibration image can be read
 * @throws VerydeepError if the fidelity check fails and `force` is not given
 */
export const exportInt8 = async (
  path: string,
  out: string,
  { calibration, external = false, threads = usableCores(), onProgress, ...int8 }: Int8ExportOptions,
): Promise<Int8Export> => {
  const layers = [...int8Outputs(await openBackbone(path)).values()];
  const nets = await openNets([path], { layers, precision: 'int8' });
  const context = { ...nets, threads, onProgress };
  const prepared = await prepareInt8(nets.backbones, calibration, dirname(out), context, int8);
  const { bits, fidelity, accepted } = prepared;
  if (!accepted && !int8.force) {
    throw new VerydeepError(
      text`Not exported: int8 does not pass ${gateText}: ${fidelityText(fidelity)}. Calibrate on more images like those that the net will see (${option('calibration')}, ${option('calibrationImages')}), or add ${option('force')} to export it anyway.`,
    );
  }
  const data = `${out}.data`;
  await exportInt8Onnx(nets.backbones[0]!, prepared.files[0]!, out, external ? { externalData: data } : {});
  return { written: external ? [out, data] : [out], bits, fidelity, accepted };
};
