// `verydeep weights export`: a backbone for other programs, in float32 or quantised to 8 bits.
import { Command, Option } from 'commander';
import type { ExportFormat } from '../backbone/weights/exporters/export.js';
import type { WeightBits } from '../backbone/int8/quantise.js';
import { expected, option } from '../errors.js';
import { shared } from './options.js';
import { type OutputOptions, progressBar, say, sayJson } from './output.js';

const FORMATS: readonly ExportFormat[] = ['onnx', 'onnx-external', 'torchvision', 'tfjs'];

interface ExportFlags extends OutputOptions {
  readonly format: ExportFormat;
  readonly out: string;
  readonly precision: 'fp32' | 'int8';
  readonly calibration?: string;
  readonly calibrationImages: number;
  readonly bits?: string;
  readonly force?: boolean;
  readonly threads: number;
}

const exportInt8Action = async (path: string, flags: ExportFlags): Promise<void> => {
  const { format, out, calibration, calibrationImages, bits, force = false, threads } = flags;
  if (!format.startsWith('onnx')) {
    throw expected(
      'onnx or onnx-external',
      '--format',
      format,
      'The other formats have no --precision int8.',
    );
  }
  if (calibration === undefined) {
    throw expected(
      'a folder of images',
      '--calibration',
      undefined,
      '--precision int8 needs some dozens like those that the net will see.',
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
      force,
      threads,
      external: format === 'onnx-external',
      onProgress: bar.onProgress,
      ...(bits === undefined ? {} : { bits: Number(bits) as WeightBits }),
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

/** Flags that concern the other precision only. */
const int8Flags = ['calibration', 'bits', 'force'] as const;

const action = async (path: string, flags: ExportFlags): Promise<void> => {
  if (flags.precision === 'int8') {
    await exportInt8Action(path, flags);
    return;
  }
  for (const flag of int8Flags) {
    if (flags[flag] !== undefined) throw expected('--precision int8', `--${flag}`, 'fp32');
  }
  const { exportWeights } = await import('../backbone/weights/exporters/export.js');
  const written = await exportWeights(path, flags.format, flags.out);
  if (flags.json) sayJson({ format: flags.format, written });
  else say(flags, `Wrote ${written.join(' and ')}`);
};

export const exportCommand = (): Command =>
  new Command('export')
    .description('write a backbone for other programs')
    .argument('<backbone>', 'backbone file')
    .addOption(new Option('--format <name>', 'what to write').choices(FORMATS).makeOptionMandatory())
    .requiredOption('--out <path>', 'file to write; a folder for tfjs')
    .addOption(
      new Option('--precision <type>', 'numbers of the weights; int8 for onnx and onnx-external')
        .choices(['fp32', 'int8'])
        .default('fp32'),
    )
    .addOption(shared.calibration())
    .addOption(shared.calibrationImages())
    .addOption(
      new Option(
        '--bits <n>',
        'int8: of a weight; 7 for processors without VNNI (default: what suits this one)',
      ).choices(['7', '8']),
    )
    .addOption(shared.forceInt8())
    .addOption(shared.threads())
    .addOption(shared.json())
    .addOption(shared.quiet())
    .addHelpText(
      'after',
      `
Examples:
  $ verydeep weights export vgg16.safetensors --format onnx --out vgg16.onnx
  $ verydeep weights export vgg16.safetensors --format onnx --precision int8 --calibration photos/ --out vgg16-int8.onnx`,
    )
    .action(action);
