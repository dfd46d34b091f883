// What both tasks of VOC-2012 share: train → val scored here, trainval → test as result files for the server.
import type { OfficialSplits } from './benchmark.js';

/** The protocol of a task. */
export const voc2012Splits = (server: NonNullable<OfficialSplits['server']>): OfficialSplits => ({
  kind: 'official splits',
  runs: [
    { train: 'train', test: 'val', choose: { share: 0.2 }, scored: true },
    { train: 'trainval', test: 'test', choose: { validate: 'val' }, scored: false },
  ],
  form: 'all-points',
  both: false,
  server,
});

/** Why figures on val are not those of the paper. */
export const VAL_NOTE =
  'Published figures are for the test images; ours are for val, trained on train: not the same images.';
