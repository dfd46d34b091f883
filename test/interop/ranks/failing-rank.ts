// A rank that does a small step over and over, until one fails as the first argument says, in the third step; the second is the timeout.
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { asRank } from '../../../src/cli/ranks.js';
import { UsageError } from '../../../src/errors.js';

const [how, timeout] = process.argv.slice(2);
const STEPS = 200;

const failures: Readonly<Record<string, () => void>> = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  leave: () => process.exit(0),
  throw: () => {
    throw new Error('it broke');
  },
  refuse: () => {
    throw new UsageError('Expected a folder.');
  },
  stop: () => process.kill(process.pid, 'SIGSTOP'),
};

await asRank({}, Number(timeout), async (communicator) => {
  for (let step = 0; step < STEPS; step++) {
    await pause(20);
    if (step === 2 && communicator!.rank === 1) failures[how!]?.();
    await communicator!.gather(step);
    if (step === 2) writeSync(1, `step ${step}\n`);
  }
});
