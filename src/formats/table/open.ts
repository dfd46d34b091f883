// Opens a file of descriptors: its first bytes tell the format.
import { UsageError } from '../../errors.js';
import { FileBytes } from '../file-bytes.js';
import { isTorchLegacy } from '../torch.js';
import { zipEntries } from '../zip.js';
import { openArrow } from './arrow.js';
import { openDelimited } from './delimited.js';
import { openHdf5Table } from './hdf5.js';
import { openNpy, openNpz } from './numpy.js';
import { openParquet } from './parquet.js';
import { type ForeignTable, WHAT, unreadable } from './table.js';
import { openTorchTable } from './torch.js';

const START = 64;

type Opener = (path: string, scratch: string) => Promise<ForeignTable> | ForeignTable;

/** A zip archive is one of torch's or of NumPy's. */
const openZip: Opener = async (path, scratch) => {
  const file = new FileBytes(path, WHAT);
  let names: string[];
  try {
    names = [...(await zipEntries(file)).keys()];
  } finally {
    file.close();
  }
  return names.some((name) => name.endsWith('data.pkl'))
    ? openTorchTable(path, false)
    : openNpz(path, scratch);
};

const refuse =
  (format: string, reason: string): Opener =>
  (path) => {
    throw unreadable(path, format, reason);
  };

/** Formats by the first bytes of a file, in latin1. */
const formats: readonly (readonly [start: RegExp, open: Opener])[] = [
  [/^\x93NUMPY/, openNpy],
  // eslint-disable-next-line no-control-regex -- the signature of the format
  [/^PK\x03\x04/, openZip],
  [/^PAR1/, openParquet],
  [/^(ARROW1|\xff\xff\xff\xff)/, openArrow],
  // eslint-disable-next-line no-control-regex -- the signature of the format
  [/^\x89HDF\r\n\x1a\n/, openHdf5Table],
  [/^FEA1/, refuse('Feather', 'it is of version 1; write it with version=2')],
  // eslint-disable-next-line no-control-regex -- the signature of the format
  [/^\x1f\x8b/, refuse('gzip', 'unpack it first')],
];

/**
 * Opens a file of descriptors: .npy, .npz, Parquet, Arrow, CSV, HDF5, or torch's .pt.
 *
 * @param scratch folder for what must be unpacked
 * @throws UsageError naming the file: one that cannot be read, holds pickled objects, or no vectors
 */
export const openTable = async (path: string, scratch: string): Promise<ForeignTable> => {
  const file = new FileBytes(path, WHAT);
  const start = file.read(0, Math.min(START, file.size));
  file.close();
  if (start.length === 0) throw unreadable(path, 'empty', 'it holds nothing');
  if (isTorchLegacy(start)) return openTorchTable(path, true);
  const latin1 = Buffer.from(start).toString('latin1');
  const known = formats.find(([sign]) => sign.test(latin1));
  if (known) return known[1](path, scratch);
  if (start[0] === 0x80 && start[1]! <= 5) {
    throw new UsageError(
      `${path} is a pickle, which is not read: it may run any program. In Python, save a plain array: numpy.save("features.npy", features).`,
    );
  }
  if (start.includes(0)) {
    throw unreadable(path, 'binary', 'it is none of .npy, .npz, Parquet, Arrow, CSV, HDF5 and .pt of torch');
  }
  return openDelimited(path);
};
