// Options of a net's architecture.
import { type OptionTable, kinds } from '../../options.js';
import { configs } from './architecture.js';

export const netOptions = {
  config: {
    kind: kinds.choice(configs),
    help: "configuration: a column of the paper's table 1",
    otherwise: 'A',
  },
  width: {
    kind: kinds.number({ above: 0, value: 'factor' }),
    help: 'factor on the number of channels',
    otherwise: '1',
    paper: '1',
  },
  blocks: {
    kind: kinds.whole(),
    help: 'blocks of convolutions, 1 to 5',
    otherwise: '5',
    paper: '5',
  },
  inputSize: {
    kind: kinds.whole({ value: 'pixels' }),
    help: 'side of the training crop',
    otherwise: '224',
    paper: '224',
  },
  fullyConnected: {
    kind: kinds.whole(),
    help: 'number of units of fc6 and fc7',
    otherwise: '4096',
    paper: '4096',
  },
  batchNorm: {
    kind: kinds.flag(),
    help: 'batch normalisation after each convolution in training, folded into the convolutions of the file that is written',
    paper: 'none',
  },
} as const satisfies OptionTable;
