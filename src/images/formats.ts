// Recognises unsupported image types by their first bytes, so that messages can name them.

const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');

/** A type: its name and the test of its first bytes. */
interface Format {
  readonly name: string;
  readonly is: (bytes: Uint8Array) => boolean;
}

/** A type whose files have `text` at `offset`. */
const begins = (name: string, text: string, offset = 0): Format => ({
  name,
  is: (bytes) => latin1(bytes, offset, offset + text.length) === text,
});

/** Brands of an ISO media file ("heic", "avif"), the main one first; empty for other files. */
const brandsOf = (bytes: Uint8Array): string[] => {
  if (bytes.length < 16 || latin1(bytes, 4, 8) !== 'ftyp') return [];
  const length = Math.min(Buffer.from(bytes.subarray(0, 4)).readUInt32BE(0), bytes.length, 256);
  const brands = [latin1(bytes, 8, 12)];
  for (let at = 16; at + 4 <= length; at += 4) brands.push(latin1(bytes, at, at + 4));
  return brands;
};

/** A type of ISO media file whose brands match. */
const branded = (name: string, brand: RegExp): Format => ({
  name,
  is: (bytes) => brandsOf(bytes).some((each) => brand.test(each)),
});

const RAW = 'camera RAW';

/** More specific types first. */
const formats: readonly Format[] = [
  branded(`${RAW} (Canon CR3)`, /^crx $/),
  branded('HEIC (HEIF with HEVC)', /^(hei[cxms]|hev[cxms])$/),
  branded('HEIF', /^(mif1|msf1|heif|mif2|miaf|MiHB|MiHE)$/),
  branded('a film', /^(isom|iso\d|mp4\d|M4V |qt {2}|3gp\w|dash|MSNV|avc1)$/),
  { name: 'JPEG XL', is: (bytes) => bytes[0] === 0xff && bytes[1] === 0x0a },
  begins('JPEG XL', '\0\0\0\x0cJXL '),
  begins('JPEG 2000', '\0\0\0\x0cjP  '),
  { name: 'JPEG 2000', is: (bytes) => latin1(bytes, 0, 4) === '\xff\x4f\xff\x51' },
  { name: 'BMP', is: (bytes) => latin1(bytes, 0, 2) === 'BM' && bytes.length > 26 && bytes[15] === 0 },
  begins(`${RAW} (Canon CR2)`, 'CR\x02', 8),
  begins(`${RAW} (Olympus)`, 'IIR'),
  begins(`${RAW} (Olympus)`, 'MMOR'),
  begins(`${RAW} (Panasonic)`, 'IIU\0'),
  begins(`${RAW} (Fujifilm)`, 'FUJIFILMCCD-RAW'),
  begins(`${RAW} (Sigma)`, 'FOVb'),
  begins('Photoshop', '8BPS'),
  begins('GIMP', 'gimp xcf'),
  begins('PDF', '%PDF'),
  begins('PostScript', '%!PS'),
  begins('OpenEXR', '\x76\x2f\x31\x01'),
  begins('Radiance HDR', '#?RADIANCE'),
  begins('Radiance HDR', '#?RGBE'),
  begins('DICOM', 'DICM', 128),
  begins('FITS', 'SIMPLE  ='),
  begins('a Windows icon', '\0\0\x01\0'),
  begins('DirectDraw', 'DDS '),
  begins('QOI', 'qoif'),
  begins('FLIF', 'FLIF'),
  { name: 'Netpbm', is: (bytes) => /^P[1-7]\s/.test(latin1(bytes, 0, 3)) },
  begins('a ZIP archive', 'PK\x03\x04'),
  begins('a NumPy array', '\x93NUMPY'),
  begins('a MATLAB file', 'MATLAB 5'),
];

/** Name of an unsupported type, from a file's bytes; undefined for others. */
export const unsupportedFormat = (bytes: Uint8Array): string | undefined =>
  brandsOf(bytes).some((brand) => /^avi[fs]$/.test(brand))
    ? undefined
    : formats.find(({ is }) => is(bytes))?.name;

/** Whether bytes begin as a TIFF does. */
export const isTiff = (bytes: Uint8Array): boolean => /^(II\*\0|MM\0\*)$/.test(latin1(bytes, 0, 4));

/** Whether bytes begin as a BigTIFF does. */
export const isBigTiff = (bytes: Uint8Array): boolean => /^(II\+\0|MM\0\+)$/.test(latin1(bytes, 0, 4));

const NEW_SUBFILE_TYPE = 254;
const PHOTOMETRIC = 262;
const SAMPLES = 277;
const SAMPLE_FORMAT = 339;
const BITS = 258;
const DNG_VERSION = 50_706;
const CMYK = 5;
/** Photometric interpretations of raw sensor data. */
const RAW_PHOTOMETRICS = [32_803, 34_892];

/** The first values of the tags of a TIFF's first directory. */
const tagsOf = (bytes: Uint8Array): ReadonlyMap<number, number> => {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = file[0] === 0x49;
  const short = (at: number): number => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const long = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const tags = new Map<number, number>();
  if (file.length < 8 || short(2) !== 42) return tags;
  const directory = long(4);
  if (directory + 2 > file.length) return tags;
  const count = short(directory);
  for (let i = 0; i < count && directory + 14 + 12 * i <= file.length; i++) {
    const at = directory + 2 + 12 * i;
    const isShort = short(at + 2) === 3;
    // If several shorts do not fit into the value, it is an offset: read the first of them there.
    const value = isShort && long(at + 4) > 2 ? long(at + 8) : at + 8;
    if (value + 4 <= file.length) tags.set(short(at), isShort ? short(value) : long(value));
  }
  return tags;
};

/** Names of sample formats other than unsigned, by code. */
const sampleFormats: Readonly<Record<number, string>> = {
  2: 'signed',
  3: 'floating-point',
  5: 'complex',
  6: 'complex floating-point',
};

/**
 * Why a TIFF cannot be used although it decodes: of camera RAW (DNG, NEF, ARW) only a small preview would be
 * read, and floating-point or wide values have no range from black to white. Undefined if it can be used.
 */
export const tiffTrouble = (bytes: Uint8Array): string | undefined => {
  const tags = tagsOf(bytes);
  const isRaw =
    latin1(bytes, 8, 10) === 'CR' ||
    tags.has(DNG_VERSION) ||
    RAW_PHOTOMETRICS.includes(tags.get(PHOTOMETRIC) ?? 0) ||
    ((tags.get(NEW_SUBFILE_TYPE) ?? 0) & 1) === 1;
  if (isRaw) return `it is ${RAW}, which is not supported: convert it to JPEG or PNG`;
  const [bits = 1, samples = 1] = [tags.get(BITS), tags.get(SAMPLES)];
  const form = sampleFormats[tags.get(SAMPLE_FORMAT) ?? 1];
  if (form !== undefined || bits > 16) {
    return `its pixels are ${bits}-bit ${form ?? 'whole'} numbers, which have no range from black to white: convert it to 8 or 16 bits`;
  }
  return samples > (tags.get(PHOTOMETRIC) === CMYK ? 5 : 4)
    ? `it has ${samples} channels, not colours: convert it to RGB`
    : undefined;
};
