// `verydeep export`: saved SVMs with their nets as one ONNX file that classifies images.
import { Command } from 'commander';
import { resolve } from 'node:path';
import { addFlags, required } from './options.js';
import { messageForCli } from './flag.js';
import { note, say, sayJson } from './output.js';
import { type FlagsOf, commandOptions } from './tables.js';

const run = async (flags: FlagsOf<'export'>): Promise<void> => {
  const model = required('model', flags.model, 'a file of saved SVMs');
  const out = resolve(required('onnx', flags.onnx, 'the file to write'));
  const { exportModel } = await import('../export-model.js');
  const { classes, calibrated, remarks } = await exportModel(model, out, {
    backbones: flags.backbone ?? [],
    force: flags.force ?? false,
  });
  if (flags.json) sayJson({ out, classes, calibrated, remarks: remarks.map(messageForCli) });
  else say(flags, `${classes.length} classes${calibrated ? ', with probabilities' : ''}. Wrote ${out}`);
  for (const remark of remarks) note(flags, remark);
};

/** The command. */
export const command = (): Command =>
  addFlags(new Command('export'), commandOptions.export)
    .description('export saved SVMs with their nets as one ONNX file: pixels in, scores out')
    .addHelpText(
      'after',
      `
The input \`image\` is uint8 [height, width, 3], RGB, or with alpha as a fourth channel; the outputs are \`scores\` and, of a model
trained with --calibrate, \`probabilities\`, one number a class.

Example:
  $ verydeep export --model runs/photos/models/split-1.safetensors --onnx photos.onnx`,
    )
    .action(run);
