// `verydeep features`: shows, verifies, merges, imports and exports descriptors on disk.
import { resolve } from 'node:path';
import { Command } from 'commander';
import { expected, option } from '../errors.js';
import { requireKind } from './kind.js';
import { interruptible } from './interruptible.js';
import { addFlags, csvOf, required } from './options.js';
import { exitCodes, noteDataset, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import { type FlagsOf, commandOptions } from './tables.js';

/** What names the folders in messages. */
const ARGUMENT = 'the argument <folder...>';

const info = async (folders: string[], flags: FlagsOf<'features info'>): Promise<void> => {
  const { openFeatures } = await import('../features/store/reader.js');
  const { describeRecipe } = await import('../features/recipe/recipe.js');
  const store = await openFeatures(folders, ARGUMENT);
  const classes = new Set(store.labels.flat()).size;
  const columns = Object.fromEntries(store.layers.map((layer) => [layer, store.columns(layer)]));
  const { recipe, hash, nets, engine, rows, skipped } = store;
  if (flags.json) {
    sayJson({
      rows,
      columns,
      labelled: classes > 0,
      classes,
      parts: store.parts.length,
      hash,
      recipe,
      nets,
      engine,
      skipped,
    });
    return;
  }
  const lines = [
    `${rows} images${classes > 0 ? ` of ${classes} classes` : ', unlabelled,'} in ${store.parts.length} parts; ${skipped.length} skipped`,
    ...Object.entries(columns).map(([layer, length]) => `${layer}: ${length} values per image`),
    describeRecipe(recipe),
    ...nets.map(({ config, sha256, kind }) =>
      kind === 'imported' ? `file ${sha256}` : `net ${config}, weights ${sha256}`,
    ),
    `${engine === 'import' ? 'imported' : `computed by ${engine}`}; recipe and weights ${hash}`,
  ];
  say(flags, lines.join('\n'));
};

const verify = async (folders: string[], flags: FlagsOf<'features verify'>): Promise<void> => {
  const { verifyFeatures } = await import('../features/store/verify.js');
  const result = await verifyFeatures(folders, ARGUMENT);
  if (flags.json) sayJson(result);
  else {
    for (const problem of result.problems) process.stderr.write(`${problem}\n`);
    const { parts, rows, skipped, problems } = result;
    const verdict = problems.length === 0 ? 'no problems' : `${problems.length} problems`;
    say(flags, `${parts} parts, ${rows} images, ${skipped} skipped: ${verdict}`);
  }
  if (result.problems.length > 0) process.exitCode = exitCodes.failed;
};

const merge = async (folders: string[], flags: FlagsOf<'features merge'>): Promise<void> => {
  const out = resolve(required('out', flags.out, 'a folder'));
  const { mergeFeatures } = await import('../features/store/merge.js');
  const { onProgress, stop } = flags.json ? progressLines(flags) : progressBar(flags);
  try {
    const merged = await mergeFeatures(folders, out, onProgress, { force: flags.force, where: ARGUMENT });
    stop();
    if (flags.json) sayJson({ out, ...merged });
    else say(flags, `${merged.parts} parts, ${merged.rows} images, ${merged.skipped} skipped. Wrote ${out}`);
  } finally {
    stop();
  }
};

const exportTo = async (folders: string[], flags: FlagsOf<'features export'>): Promise<void> => {
  const out = resolve(required('out', flags.out, 'a file'));
  const { openFeatures } = await import('../features/store/reader.js');
  const { exportFeatures } = await import('../features/store/export/export.js');
  const store = await openFeatures(folders, ARGUMENT);
  const layer = flags.layer ?? store.layers[0]!;
  const files = await exportFeatures(store, flags.to, layer, out, { force: flags.force });
  if (flags.json) sayJson({ files, layer, rows: store.rows, columns: store.columns(layer) });
  else say(flags, `${store.rows} descriptors of ${layer}. Wrote ${files.join(' and ')}`);
};

/** The images of the data set, if one is given. */
const itemsFor = async (flags: FlagsOf<'features import'>) => {
  if (flags.dataset === undefined) {
    if (flags.data === undefined) return undefined;
    throw expected('a kind of data set', option('dataset'), undefined, 'The folder alone does not tell it.');
  }
  const { datasetNames, openDataset } = await import('../datasets/open.js');
  requireKind('features import', option('dataset'), datasetNames, flags.dataset);
  const data = resolve(required('data', flags.data, 'a folder'));
  const dataset = await openDataset(flags.dataset, data, { csv: csvOf(flags) });
  noteDataset(flags, dataset);
  return dataset.items(flags.split);
};

const importFrom = async (file: string, flags: FlagsOf<'features import'>): Promise<void> => {
  const out = resolve(required('out', flags.out, 'a folder'));
  const items = await itemsFor(flags);
  const { importFeatures } = await import('../features/store/import/import.js');
  const { accountText } = await import('../features/store/import/account.js');
  const { onProgress, stop } = flags.json ? progressLines(flags) : progressBar(flags);
  await interruptible(
    async (signal) => {
      const imported = await importFeatures(resolve(file), { ...flags, out, items, onProgress, signal });
      stop();
      const { account, rows, columns, layer, hash, names, skipped } = imported;
      if (flags.json) sayJson({ out, ...imported });
      else {
        say(
          flags,
          `Ids: ${names}. ${accountText(account)}.\n${rows} descriptors of ${columns} numbers (${layer}); recipe ${hash}. Wrote ${out}`,
        );
      }
      reportSkipped(skipped);
    },
    { stop, told: 'Interrupted: nothing was written.' },
  );
};

export const command = (): Command => {
  const features = new Command('features').description(
    'show, verify, merge, import and export descriptors on disk',
  );
  const sub = (name: 'info' | 'verify' | 'merge' | 'export', description: string): Command =>
    addFlags(
      features.command(name).description(description).argument('<folder...>', 'folders of descriptors'),
      commandOptions[`features ${name}`],
    );
  sub('info', 'show images, layers, recipe and weights')
    .action(info)
    .addHelpText('after', '\nExample:\n  $ verydeep features info features/photos');
  sub('verify', 'read all descriptors and report problems')
    .action(verify)
    .addHelpText(
      'after',
      '\nExample: the shards of one run\n  $ verydeep features verify features/shard-0 features/shard-1',
    );
  sub('merge', 'merge the folders of shards into one')
    .action(merge)
    .addHelpText(
      'after',
      '\nExample:\n  $ verydeep features merge features/shard-0 features/shard-1 --out features/photos',
    );
  sub('export', 'export a layer to another file format')
    .action(exportTo)
    .addHelpText(
      'after',
      '\nExample:\n  $ verydeep features export features/photos --to npy --out photos.npy',
    );
  addFlags(
    features
      .command('import')
      .description('make a store of descriptors that another program wrote')
      .argument('<file>', '.npy, .npz, Parquet, Arrow, CSV, HDF5, or torch .pt'),
    commandOptions['features import'],
  )
    .action(importFrom)
    .addHelpText(
      'after',
      '\nExample:\n  $ verydeep features import dino.npy --ids names.txt --dataset voc2007 --data VOCdevkit --name "DINO ViT-S/16" --out features/dino',
    );
  return features.addHelpText('after', '\nExample:\n  $ verydeep features info features/photos');
};
