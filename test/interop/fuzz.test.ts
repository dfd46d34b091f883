// The short part of the fuzzing of weight files, with a fixed seed.
import { deepEqual, ok } from 'node:assert/strict';
import { fuzz, targets } from '../fuzz/weights.js';

const INPUTS = 300;

describe('fuzzing weight files (short)', () => {
  for (const parser of Object.keys(targets)) {
    it(`${parser}: ${INPUTS} damaged files give numbers or a plain refusal`, async () => {
      const { faults, accepted, refused, memoryGrowthMB } = await fuzz(parser, INPUTS, 1);
      deepEqual(faults, []);
      ok(refused >= INPUTS / 20, `${refused} refused`);
      ok(accepted + refused === INPUTS);
      ok(memoryGrowthMB < 300, `memory grew by ${memoryGrowthMB} MB`);
    }).timeout(120_000);
  }
});
