// Recognises the format of a weight file by its bytes; ignores its name.
import { UsageError, expected } from '../../../errors.js';
import { FileBytes } from '../../../formats/file-bytes.js';
import { fieldsOf } from '../../../formats/protobuf.js';
import { isTorchLegacy } from '../../../formats/torch.js';
import type { OpenOptions, WeightSource } from './source.js';

type Open = (path: string, options: OpenOptions) => Promise<WeightSource>;

/** The formats and their readers. Each module is loaded on demand. */
const formats = {
  safetensors: {
    title: 'safetensors',
    open: () => import('./safetensors.js').then((m) => m.openSafetensorsSource),
  },
  torch: {
    title: 'torch checkpoint (zip)',
    open: () => import('./torch.js').then((m) => m.openTorchZipSource),
  },
  'torch-legacy': {
    title: 'torch checkpoint (before 1.6)',
    open: () => import('./torch.js').then((m) => m.openTorchLegacySource),
  },
  hdf5: {
    title: 'Keras HDF5',
    open: () =>
      import('./keras.js').then(
        (m): Open =>
          (path) =>
            m.openKeras(path),
      ),
  },
  keras: {
    title: 'Keras archive',
    open: () =>
      import('./keras.js').then(
        (m): Open =>
          (path) =>
            m.openKerasZip(path),
      ),
  },
  mat: { title: 'MATLAB 5', open: () => import('./matconvnet.js').then((m) => m.openMatConvNet) },
  tfjs: { title: 'TensorFlow.js model.json', open: () => import('./tfjs.js').then((m) => m.openTfjs) },
  caffe: { title: 'Caffe', open: () => import('./caffe.js').then((m) => m.openCaffe) },
  onnx: { title: 'ONNX', open: () => import('./onnx.js').then((m) => m.openOnnxSource) },
} as const satisfies Record<string, { title: string; open: () => Promise<Open> }>;

type WeightFormat = keyof typeof formats;

const startsWith = (bytes: Uint8Array, magic: ArrayLike<number>): boolean =>
  bytes.length >= magic.length && Array.from(magic).every((byte, i) => bytes[i] === byte);

const hdf5 = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** HDF5 begins at byte 0, 512, 1024, 2048, …: the bytes before it may be arbitrary. */
const hdf5At = (file: FileBytes): number | undefined => {
  for (let at = 0; at + hdf5.length <= file.size && at <= 1 << 20; at = at === 0 ? 512 : at * 2) {
    if (startsWith(file.read(at, hdf5.length), hdf5)) return at;
  }
  return undefined;
};

/** Protocol buffers have no magic: an ONNX model has a graph in field 7, a Caffe net layers in field 2 or 100. */
const protobufKind = (file: FileBytes): WeightFormat | undefined => {
  const seen = new Set<string>();
  try {
    for (const { number, kind } of fieldsOf(file, { offset: 0, length: file.size })) {
      seen.add(`${number} ${kind}`);
      if (seen.has('1 varint') && seen.has('7 bytes')) return 'onnx';
      if (seen.has('100 bytes') || (seen.has('1 bytes') && seen.has('2 bytes'))) return 'caffe';
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // A file that begins like one of the two goes to its reader, which reports damage.
    if (seen.has('1 varint') && (seen.has('2 bytes') || seen.has('8 bytes'))) return 'onnx';
    if (seen.has('1 bytes') && !seen.has('7 bytes')) return seen.size <= 2 ? undefined : 'caffe';
    return undefined;
  }
  return seen.has('2 bytes') && !seen.has('7 bytes') && seen.size <= 6 ? 'caffe' : undefined;
};

/** First bytes of other file types, to name them in the error. */
const others: readonly (readonly [string, string])[] = [
  ['MATLAB 7.3', 'a MATLAB 7.3 file; save it from MATLAB with -v7'],
  ['ARROW1', 'descriptors that `verydeep extract` wrote, or another Arrow file'],
  ['%PDF', 'a PDF document'],
  ['version https://git-lfs', 'a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`'],
  ['\u001f\u008b', 'a gzip archive; unpack it first'],
  ['BZh', 'a bzip2 archive; unpack it first'],
  ['\u00fd7zXZ', 'an xz archive; unpack it first'],
  ['7z\u00bc\u00af', 'a 7-Zip archive; unpack it first'],
  ['Rar!', 'a RAR archive; unpack it first'],
  ['\u0089PNG', 'a PNG image'],
  ['\u00ff\u00d8', 'a JPEG image'],
  ['\u0093NUMPY', 'an array of numpy'],
];

/** The start of a file as text, in the encoding that its first bytes name. */
const decoded = (start: Uint8Array): string => {
  const bytes = Buffer.from(start);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    return bytes
      .subarray(2, bytes.length & ~1)
      .swap16()
      .toString('utf16le');
  }
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
};

/** The type of a file that begins like a web page or a server's message; undefined for others. */
const pageOrText = (start: Uint8Array): string | undefined => {
  const text = decoded(start).trimStart();
  if (/^<(\?xml|error)\b/i.test(text)) {
    return /<html/i.test(text)
      ? 'a web page, not weights, perhaps the error page of a download'
      : 'an XML page, not weights, perhaps the error message of a download';
  }
  if (/^<(!doctype|!--|[a-z][\w-]*[\s/>])/i.test(text)) {
    return 'a web page, not weights, perhaps the error page of a download';
  }
  // A server's message ("Not Found") is short and printable.
  const isMessage =
    start.length < 512 && text !== '' && /^[\x20-\x7e\s]+$/.test(text) && !text.startsWith('{');
  return isMessage ? `a text, not weights, with the first bytes ${text.slice(0, 60).trim()}` : undefined;
};

const KINDS =
  'a VGG weight file (Caffe, Keras .h5 or .keras, torch .pth, safetensors, ONNX, MatConvNet .mat, TensorFlow.js model.json)';

/** A zip archive is a Keras model or a torch checkpoint. */
const zipKind = async (path: string): Promise<WeightFormat> => {
  const { isKerasArchive } = await import('../../../formats/keras-archive.js');
  return (await isKerasArchive(path)) ? 'keras' : 'torch';
};

/**
 * Recognises the format of a weight file.
 *
 * @throws UsageError naming the file and its actual type
 */
export const recognise = async (path: string): Promise<WeightFormat> => {
  const file = new FileBytes(path);
  try {
    const start = file.read(0, Math.min(512, file.size));
    const text = Buffer.from(start).toString('latin1');
    if (file.size === 0) throw expected(KINDS, path, 'an empty file');
    if (isTorchLegacy(start)) return 'torch-legacy';
    if (text.startsWith('PK\u0003\u0004')) return await zipKind(path);
    const other = others.find(([magic]) => text.startsWith(magic));
    if (other) throw expected(KINDS, path, other[1]);
    if (hdf5At(file) !== undefined) return 'hdf5';
    if (text.startsWith('MATLAB 5.0') || ['IM', 'MI'].includes(text.slice(126, 128))) return 'mat';
    if (text.slice(257, 262) === 'ustar') throw expected(KINDS, path, 'a tar archive; unpack it first');
    if (start[8] === 0x7b && start.slice(3, 8).every((byte) => byte === 0)) return 'safetensors';
    if (/^\s*\{/.test(decoded(start))) return 'tfjs';
    if (start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5) {
      throw expected(KINDS, path, 'a Python pickle that is no torch checkpoint');
    }
    const page = pageOrText(start);
    if (page !== undefined) throw expected(KINDS, path, page, 'Download the file again.');
    const kind = protobufKind(file);
    if (kind) return kind;
    throw expected(KINDS, path, `the first bytes ${Buffer.from(start.subarray(0, 8)).toString('hex')}`);
  } finally {
    file.close();
  }
};

/**
 * Opens a weight file of any supported format. The caller closes it. @throws UsageError naming the file and
 * the fault
 */
export const openWeights = async (path: string, options: OpenOptions = {}): Promise<WeightSource> =>
  (await formats[await recognise(path)].open())(path, options);
