// `npm run demo`: the whole pipeline on emoji drawings, from images to a table of results and a report.
import { join } from 'node:path';
import { expected } from '../../src/errors.js';
import { progressBar } from '../../src/progress-bar.js';
import { flagsOf, runProgram } from '../arguments.js';
import { runDemo } from './demo.js';
import { textTable } from './results.js';
import { EPOCHS } from './settings.js';

const help = `Renders emoji drawings, trains a small VGG net on some groups of them, and classifies others by its
descriptors and linear SVMs. Takes a few minutes.

  npm run demo -- [--out DIR] [--seed N] [--epochs N] [--fine-tune] [--force]

  --out DIR   folder for everything it makes (default: runs/demo); an earlier run of other options is kept
  --force     replace a run of other options
  --seed N    seed of everything random (default: 1)
  --epochs N  passes over the training images (default: ${EPOCHS}); fewer give a quick look and worse figures
  --fine-tune also fine-tune the net on the training drawings of each split: a further row, and minutes more
`;

const whole = (text: string, option: string, least: number): number => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least) return value;
  throw expected(`a whole number of at least ${least}`, option, text);
};

const main = async (): Promise<void> => {
  const options = {
    out: { type: 'string', default: join('runs', 'demo') },
    seed: { type: 'string', default: '1' },
    epochs: { type: 'string', default: String(EPOCHS) },
    'fine-tune': { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  const values = flagsOf({ options });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const [seed, epochs] = [whole(values.seed, '--seed', 0), whole(values.epochs, '--epochs', 1)];
  const { onProgress, stop } = progressBar(process.stderr);
  try {
    const results = await runDemo({
      out: values.out,
      seed,
      epochs,
      fineTune: values['fine-tune'],
      force: values.force,
      onProgress: (event) => {
        onProgress(event);
        if (event.done === event.total) stop();
      },
    });
    process.stdout.write(`\n${textTable(results)}\n\nReport: ${join(values.out, 'report.html')}\n`);
  } finally {
    stop();
  }
};

await runProgram(main, 'demo');
