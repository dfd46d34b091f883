// `verydeep weights export`: exports a backbone in float32, or quantised to 8 bits.
import { Command } from 'commander';
import { expected, option, text } from '../errors.js';
import { addFlags, required } from './options.js';
import { progressBar, say, sayJson } from './output.js';
import { type FlagsOf, commandOptions } from './tables.js';

type ExportFlags = FlagsOf<'weights export'>;

const target = ({ format, out }: ExportFlags) => ({
  format: required('format', format, 'a format', 'It says what to write.'),
  out: required('out', out, 'a file, or a folder for tfjs'),
});

const exportInt8Action = async (path: string, flags: ExportFlags): Promise<void> => {
  const { calibration, calibrationImages, bits, allowLowFidelity = false, threads } = flags;
  const { format, out } = target(flags);
  if (!format.startsWith('onnx')) {
    throw expected(
      'onnx or onnx-external',
      option('format'),
      format,
      text`Other formats do not support ${option('precision')} int8.`,
    );
  }
  if (calibration === undefined) {
    throw expected(
      'a folder of images',
      option('calibration'),
      undefined,
      text`${option('precision')} int8 needs a few dozen calibration images.`,
    );
  }
  const { photosIn } = await import('../datasets/photos.js');
  const { exportInt8 } = await import('../features/pipeline/export-int8.js');
  const { fidelityText } = await import('../features/pipeline/int8-fidelity.js');
  const images = await photosIn([calibration], option('calibration'));
  const bar = progressBar(flags);
  try {
    const { written, ...made } = await exportInt8(path, out, {
      calibration: images,
      calibrationImages,
      allowLowFidelity,
      force: flags.force ?? false,
      threads,
      external: format === 'onnx-external',
      onProgress: bar.onProgress,
      ...(bits === undefined ? {} : { bits }),
    });
    bar.stop();
    if (flags.json) sayJson({ format, precision: 'int8', written, ...made });
    else {
      say(flags, `Wrote ${written.join(' and ')}`);
      say(flags, `  int8     ${made.bits}-bit weights, ${fidelityText(made.fidelity)}`);
    }
  } finally {
    bar.stop();
  }
};

/** Flags of the other precision. */
const int8Flags = ['calibration', 'bits', 'allowLowFidelity'] as const;

const action = async (path: string, flags: ExportFlags): Promise<void> => {
  if (flags.precision === 'int8') {
    await exportInt8Action(path, flags);
    return;
  }
  for (const flag of int8Flags) {
    if (flags[flag] !== undefined) throw expected(text`${option('precision')} int8`, option(flag), 'fp32');
  }
  const { exportWeights } = await import('../backbone/weights/exporters/export.js');
  const { format, out } = target(flags);
  const written = await exportWeights(path, format, out, { force: flags.force ?? false });
  if (flags.json) sayJson({ format, written });
  else say(flags, `Wrote ${written.join(' and ')}`);
};

export const exportCommand = (): Command =>
  addFlags(new Command('export'), commandOptions['weights export'])
    .description('export a backbone for other programs')
    .argument('<backbone>', 'backbone file, or builtin')
    .addHelpText(
      'after',
      `
Examples:
  $ verydeep weights export vgg16.safetensors --format onnx --out vgg16.onnx
  $ verydeep weights export vgg16.safetensors --format onnx --precision int8 --calibration photos/ --out vgg16-int8.onnx`,
    )
    .action(action);
