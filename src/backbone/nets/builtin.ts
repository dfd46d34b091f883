// The net that comes with verydeep: in half the size in the package; from its first use on with float32 numbers in the cache.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Message, option, text } from '../../errors.js';
import { cacheFolder } from '../../io/cache.js';
import { makeFolder, sha256OfFile } from '../../io/files.js';
import { openStoredBackbone, saveBackbone } from './backbone.js';

/** The name that stands for the net that comes with verydeep, where a backbone file is expected. */
export const BUILTIN = 'builtin';

/** What a user is told whose command takes that net without having named one. */
export const BUILTIN_NOTICE: Message = text`No ${option('backbone')} was given: the images are described by \`builtin\`, the small net that comes with verydeep (\`verydeep weights info builtin\`).`;

const shipped = (name: string): string =>
  fileURLToPath(new URL(`../../../../weights/${name}`, import.meta.url));

/** The file in the package, of float16 numbers. */
export const shippedFile = shipped('builtin.safetensors');

/** What the net may be used for. */
export const terms = `for non-commercial research, see ${shipped('NOTICE.md')}`;

/** Backbones are mapped as float32 numbers: the file of halves is written out, once for each version of it. */
const builtinFile = async (): Promise<string> => {
  const version = (await sha256OfFile(shippedFile)).slice(0, 16);
  const file = join(cacheFolder(), `builtin-${version}.safetensors`);
  if (!existsSync(file)) {
    const stored = await openStoredBackbone(shippedFile);
    await makeFolder(cacheFolder(), 'VERYDEEP_CACHE');
    await saveBackbone(file, stored.metadata, (name) => stored.chunks(name), await stored.seen());
  }
  return file;
};

/**
 * The file of a backbone that is given by its path, or by the name "builtin".
 *
 * @throws VerydeepError where the cache folder cannot be written
 */
export const backboneFile = async (given: string): Promise<string> =>
  given === BUILTIN ? builtinFile() : given;

/** As {@link backboneFile}, of several. */
export const backboneFiles = (given: readonly string[]): Promise<string[]> =>
  Promise.all(given.map(backboneFile));

/** The file of the net of that checksum, if it is the one that comes with verydeep. */
export const builtinOf = async (sha256: string): Promise<string | undefined> => {
  const file = await builtinFile();
  return (await sha256OfFile(file)) === sha256 ? file : undefined;
};
