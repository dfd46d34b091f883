// A process that a launcher starts as a rank, for tests: prints what it got as a line of JSON.
import { writeSync } from 'node:fs';
import { openLaunched } from '../../../src/engine/communicator/open.js';
import { exercise } from './exercise.js';

const [isCompressed, nccl] = process.argv.slice(2);
const how = {
  ...(isCompressed === 'bf16' && { isCompressed: true }),
  ...(nccl === 'nccl' && { ncclOn: 0 }),
};
writeSync(1, `${JSON.stringify(await exercise(await openLaunched(how, 20)))}\n`);
