// `npm run fuzz -- [--parser NAME] [--inputs N] [--seed N] [--minutes N]`: fuzzes the readers of weight files for as long as one likes.
import { parseArgs } from 'node:util';
import { fuzz, targets } from './weights.js';

const { values } = parseArgs({
  options: {
    parser: { type: 'string', multiple: true, default: Object.keys(targets) },
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    /** At most so long for each parser; the report says how many inputs were run. */
    minutes: { type: 'string', default: 'Infinity' },
  },
});

for (const parser of values.parser) {
  const every = Math.max(1, Math.floor(Number(values.inputs) / 20));
  const onProgress = (done: number): void => {
    if (done % every === 0) process.stderr.write(`${parser} ${done}\n`);
  };
  const { inputs, seed, minutes } = values;
  const report = await fuzz(parser, Number(inputs), Number(seed), onProgress, Number(minutes));
  process.stdout.write(
    `${JSON.stringify({ ...report, faults: report.faults.slice(0, 5), faultCount: report.faults.length })}\n`,
  );
  if (report.faults.length > 0) process.exitCode = 1;
}
