// Options of training on several ranks.
import { text, option } from '../../errors.js';
import { type OptionTable, kinds } from '../../options.js';
import { RANK_TIMEOUT } from './timeout.js';

export const rankOptions = {
  ranks: {
    incidental: true,
    kind: kinds.whole(),
    help: 'threads of this process that train together, each on a share of the micro-batches: one for each GPU; under mpirun or srun their processes do so',
    default: 1,
  },
  rankTimeout: {
    incidental: true,
    kind: kinds.number({ above: 0, value: 'seconds' }),
    help: 'time without a sign of life after which a rank of another process is given up, and all end',
    default: RANK_TIMEOUT,
  },
  compress: {
    kind: kinds.choice(['bf16'], 'how'),
    help: 'exchange gradients between ranks as bfloat16: half the bytes, but other bits with another number of ranks',
  },
  nccl: {
    kind: kinds.flag(),
    help: text`add up gradients by NCCL, between GPUs; not exact: the bits differ with the number of ranks (see ${option('ranks')})`,
  },
} as const satisfies OptionTable;
