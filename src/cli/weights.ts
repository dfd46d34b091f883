// `verydeep weights`: imports, exports, lists, downloads and shows weight files.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { BackboneMetadata, InputNormalisation } from '../backbone/nets/backbone.js';
import type { PublishedWeights } from '../backbone/weights/published.js';
import { UsageError, expected, option } from '../errors.js';
import { requireFile } from '../io/readable.js';
import { addFlags, given, required } from './options.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { interruptible } from './interruptible.js';
import { type OutputOptions, note, progressBar, say, sayJson } from './output.js';
import { exportCommand } from './weights-export.js';

const inputText = ({ order, scale, mean, std, interpolation }: InputNormalisation): string => {
  const numbers = (values: readonly number[]) =>
    values.map((value) => Number(value.toPrecision(6))).join(', ');
  const scaled = scale === 1 ? '0 to 255' : `pixel x ${Number(scale.toPrecision(6))}`;
  return `${order === 'rgb' ? 'red, green, blue' : 'blue, green, red'}, ${scaled}, less ${numbers(mean)}, divided by ${numbers(std)}${interpolation ? `; resized with ${interpolation} interpolation` : ''}`;
};

const classesText = ({ classes, superclasses = [] }: BackboneMetadata): string =>
  classes.length === 0
    ? 'names unknown'
    : `${classes.length} (${classes.slice(0, 3).join(', ')}${classes.length > 3 ? ', …' : ''})` +
      (superclasses.length > 0 ? ` and ${superclasses.length} superclasses` : '');

/** Names of tensors in the imported file that are not part of the net. */
const leftOutOf = ({ source }: BackboneMetadata): readonly string[] => {
  const names = source?.['leftOut'];
  return Array.isArray(names) ? names.map(String) : [];
};

const sourceText = (metadata: BackboneMetadata): string => {
  const { source, training } = metadata;
  return JSON.stringify(source ? { ...source, leftOut: undefined } : (training ?? 'unknown'));
};

const SHOWN = 8;

const leftOutLines = (metadata: BackboneMetadata): string[] => {
  const names = leftOutOf(metadata);
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return names.length === 0 ? [] : [`${names.slice(0, SHOWN).join(', ')}${more}`];
};

/** `--input oxford`, `--input torchvision`, or a JSON object. */
const inputOf = async (given: string | undefined): Promise<InputNormalisation | undefined> => {
  if (given === undefined) return undefined;
  const { inputPresets } = await import('../backbone/weights/importers/source.js');
  if (Object.hasOwn(inputPresets, given)) return inputPresets[given as keyof typeof inputPresets];
  const { checkInput } = await import('../backbone/nets/backbone.js');
  try {
    return checkInput('--input', JSON.parse(given));
  } catch (error) {
    throw expected(
      `${Object.keys(inputPresets).join(', ')} or a JSON object {"order", "scale", "mean", "std"}`,
      option('input'),
      given,
      error instanceof UsageError ? error.pieces : undefined,
    );
  }
};

const linesOf = (path: string): string[] => {
  requireFile(path, { what: 'class names', where: option('classes'), inside: ['*.txt'] });
  return readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
};

const importAction = async (path: string, flags: FlagsOf<'weights import'>): Promise<void> => {
  const out = required('out', flags.out, 'a file');
  const { importWeights } = await import('../backbone/weights/importers/import.js');
  const { sha256OfFile } = await import('../io/files.js');
  const input = await inputOf(flags.input);
  const bar = progressBar(flags);
  let metadata: BackboneMetadata;
  try {
    metadata = await importWeights(path, out, {
      ...(input ? { input } : {}),
      ...(flags.classes ? { classes: linesOf(flags.classes) } : {}),
      ...(flags.key === undefined ? {} : { key: flags.key }),
      force: flags.force ?? false,
      onProgress: bar.onProgress,
    });
  } finally {
    bar.stop();
  }
  const { describe } = await import('../backbone/nets/backbone.js');
  const sha256 = await sha256OfFile(out);
  if (flags.json) sayJson({ out, sha256, ...metadata });
  else {
    say(flags, `${out}: ${describe(metadata.architecture)}`);
    say(flags, `  from     ${sourceText(metadata)}`);
    for (const line of leftOutLines(metadata)) say(flags, `  left out ${line}`);
    say(flags, `  input    ${inputText(metadata.input)}`);
    say(flags, `  classes  ${classesText(metadata)}`);
    say(flags, `  sha256   ${sha256}`);
  }
};

const importCommand = (): Command =>
  addFlags(new Command('import'), commandOptions['weights import'])
    .description('convert weights of any supported format (recognised by content) to a backbone file')
    .argument('<file>', 'weight file; for TensorFlow.js, its model.json')
    .addHelpText(
      'after',
      '\nExample:\n  $ verydeep weights import VGG_ILSVRC_16_layers.caffemodel --out vgg16.safetensors',
    )
    .action(importAction);

/** The number of images a net was trained on, from the digests in its file. */
const trainedOnText = ({ seen }: BackboneMetadata): string =>
  seen === undefined
    ? 'unknown images'
    : `${seen.training} images${seen.incomplete ? ', and on those of a net that does not say' : ''}; ` +
      `${seen.validation} steered the schedule`;

const infoCommand = (): Command =>
  addFlags(new Command('info'), commandOptions['weights info'])
    .description('show architecture, parameters, preprocessing, source and checksum of a backbone file')
    .argument('<backbone>', 'backbone file, or builtin')
    .addHelpText(
      'after',
      '\nExamples:\n  $ verydeep weights info builtin\n  $ verydeep weights info vgg16.safetensors',
    )
    .action(async (path: string, flags: OutputOptions) => {
      const { openBackbone, describe } = await import('../backbone/nets/backbone.js');
      const { parameterCount } = await import('../backbone/nets/architecture.js');
      const { BUILTIN, backboneFile, terms } = await import('../backbone/nets/builtin.js');
      const backbone = await openBackbone(await backboneFile(path));
      const { metadata } = backbone;
      const parameters = parameterCount(metadata.architecture);
      const sha256 = await backbone.sha256();
      if (flags.json) {
        sayJson({ path, sha256, parameters, ...metadata });
        return;
      }
      say(flags, path);
      say(flags, `  architecture  ${describe(metadata.architecture)}`);
      say(flags, `  parameters    ${parameters.toLocaleString('en-US')}`);
      say(flags, `  input         ${inputText(metadata.input)}`);
      say(flags, `  classes       ${classesText(metadata)}`);
      say(flags, `  source        ${sourceText(metadata)}`);
      for (const line of leftOutLines(metadata)) say(flags, `  left out      ${line}`);
      say(flags, `  trained on    ${trainedOnText(metadata)}`);
      if (path === BUILTIN) say(flags, `  terms         ${terms}`);
      say(flags, `  sha256        ${sha256}`);
    });

type ListedWeights = Pick<PublishedWeights, 'name' | 'config' | 'input' | 'from' | 'licence' | 'checksum'>;

const builtinRow = async (): Promise<ListedWeights> => {
  const { BUILTIN, shippedFile, terms } = await import('../backbone/nets/builtin.js');
  const { openStoredBackbone } = await import('../backbone/nets/backbone.js');
  const { sha256OfFile } = await import('../io/files.js');
  const { architecture, input } = (await openStoredBackbone(shippedFile)).metadata;
  return {
    ...{ name: BUILTIN, config: architecture.config, input, from: 'comes with verydeep' },
    licence: terms,
    checksum: { sha256: await sha256OfFile(shippedFile) },
  };
};

const checksumText = ({ checksum = {} }: ListedWeights): string =>
  Object.entries(checksum).map(([name, hex]) => `${name} ${String(hex).slice(0, 12)}`)[0] ?? 'none published';

const listCommand = (): Command =>
  addFlags(new Command('list'), commandOptions['weights list'])
    .description(
      'list the net that comes with verydeep, and the published weights that `weights download` knows',
    )
    .addHelpText('after', '\nExample:\n  $ verydeep weights list')
    .action(async (flags: OutputOptions) => {
      const { publishedWeights } = await import('../backbone/weights/published.js');
      const builtin = await builtinRow();
      if (flags.json) {
        sayJson([builtin, ...publishedWeights]);
        return;
      }
      const rows = [builtin, ...publishedWeights].map((row) => [
        row.name,
        row.config,
        row.input.order,
        checksumText(row),
        row.from,
      ]);
      const header = ['name', 'net', 'input', 'checksum', 'from'];
      const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
      for (const row of [header, ...rows]) {
        say(
          flags,
          row
            .map((cell, i) => cell.padEnd(widths[i]!))
            .join('  ')
            .trimEnd(),
        );
      }
    });

const downloadAction = (name: string, flags: FlagsOf<'weights download'>): Promise<void> =>
  interruptible(async (signal) => {
    const { downloadWeights } = await import('../backbone/weights/download.js');
    const { onProgress, stop } = progressBar(flags);
    try {
      const { published, path, bytes, cached, resumedFrom, metadata } = await downloadWeights(name, {
        ...given({ out: flags.out, force: flags.force }),
        onProgress,
        signal,
      });
      stop();
      if (!published.checksum && !cached) {
        note(flags, `${published.from} publishes no checksum: only the length was checked.`);
      }
      const written = metadata === undefined ? {} : { out: flags.out, ...metadata };
      const was = `(${bytes} bytes${cached ? ', already downloaded' : ''})`;
      if (flags.json) sayJson({ name, path, bytes, cached, resumedFrom, ...written });
      else say(flags, flags.out === undefined ? `${path} ${was}` : `${flags.out} from ${path} ${was}`);
    } finally {
      stop();
    }
  });

const downloadCommand = (): Command =>
  addFlags(new Command('download'), commandOptions['weights download'])
    .description('download published weights to the cache (VERYDEEP_CACHE) and verify them; resumes')
    .argument('<name>', 'a name of `verydeep weights list`')
    .addHelpText('after', '\nExample:\n  $ verydeep weights download vgg16-oxford --out vgg16.safetensors')
    .action(downloadAction);

/** `verydeep weights import|export|info|list|download`. */
export const command = (): Command =>
  new Command('weights')
    .description('import, export, list, download and show weight files')
    .addCommand(importCommand())
    .addCommand(exportCommand())
    .addCommand(infoCommand())
    .addCommand(listCommand())
    .addCommand(downloadCommand())
    .addHelpText('after', '\nExample:\n  $ verydeep weights info vgg16.safetensors');
