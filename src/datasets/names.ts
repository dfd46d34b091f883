// Classifies file names: images, unsupported image types, and files left behind by systems and archivers.
import { extname } from 'node:path';

const endings = (list: string): ReadonlySet<string> => new Set(list.split(' ').map((ending) => `.${ending}`));

/** Endings of the image types that are read. */
const IMAGES = endings('jpg jpeg jpe jfif png webp gif tif tiff svg svgz avif heif heic');

/** Whether a file name ends like an image's; case does not matter. */
export const isImageName = (name: string): boolean => IMAGES.has(extname(name).toLowerCase());

/** Image types that are not read, by their endings. */
const unread: readonly (readonly [type: string, endings: ReadonlySet<string>])[] = [
  ['BMP', endings('bmp dib')],
  ['JPEG 2000', endings('jp2 j2k jpf jpx jpc')],
  ['JPEG XL', endings('jxl')],
  ['Netpbm', endings('ppm pgm pbm pnm pam')],
  ['Targa', endings('tga')],
  ['Windows icon', endings('ico cur')],
  ['HEIF', endings('hif heics heifs avifs avcs')],
  [
    'camera RAW',
    endings('cr2 cr3 crw nef nrw arw sr2 srf dng orf rw2 raf pef srw x3f raw 3fr iiq rwl erf kdc dcr mrw'),
  ],
  ['Photoshop', endings('psd psb')],
  ['GIMP', endings('xcf')],
  ['OpenEXR', endings('exr')],
  ['Radiance HDR', endings('hdr')],
  ['DICOM', endings('dcm dicom')],
  ['FITS', endings('fits fit fts')],
  ['PDF', endings('pdf')],
  ['PostScript', endings('eps ps')],
];

/** Why a file without an image's name is skipped, and what to do if it is an unsupported image type. */
export const unreadReason = (name: string): string => {
  const ending = extname(name).toLowerCase();
  const type = unread.find(([, each]) => each.has(ending))?.[0];
  return type === undefined
    ? 'not an image type that is read'
    : `not an image type that is read: convert ${type} to JPEG or PNG`;
};

/** Files and folders that systems, archivers, synchronisers and editors make of their own accord, in lower case. */
const DROPPINGS: ReadonlySet<string> = new Set([
  // Windows
  'thumbs.db',
  'ehthumbs.db',
  'ehthumbs_vista.db',
  'desktop.ini',
  '$recycle.bin',
  'system volume information',
  'found.000',
  // macOS
  '__macosx',
  'icon\r',
  'network trash folder',
  'temporary items',
  // Synology, QNAP
  '@eadir',
  '@tmp',
  '@synoeastream',
  '@synoresource',
  '@recycle',
  '@recently-snapshot',
  '#recycle',
  '#snapshot',
  '@sharebin',
  // Linux, NetApp
  'lost+found',
  '~snapshot',
  // Programs
  '__pycache__',
  'picasa.ini',
  'zbthumbnail.info',
]);

/** Of these the case matters: "recycled" may be a class. */
const EXACT: ReadonlySet<string> = new Set(['RECYCLER', 'RECYCLED']);

/** Whether a file or folder is hidden or left behind by a system: it is skipped silently. */
export const isDropping = (name: string): boolean =>
  name.startsWith('.') || DROPPINGS.has(name.toLowerCase()) || EXACT.has(name);
