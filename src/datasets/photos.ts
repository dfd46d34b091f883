// Images without labels: files named one by one, and folders of them, flat or nested.
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type OptionName, UsageError, expected } from '../errors.js';
import { isImageName } from './common.js';
import type { Item } from './dataset.js';

/**
 * The images named and those in the folders named, each once: in the order of the paths, and by name within a folder.
 *
 * @param where the argument or option that named them, for messages
 * @throws UsageError for a path that is not there, and a folder without images
 */
export const photosIn = async (
  paths: readonly string[],
  where: OptionName | string = 'the argument',
): Promise<Item[]> => {
  const found = new Map<string, string>();
  for (const path of paths) {
    const kind = await stat(path).catch(() => undefined);
    if (!kind) throw expected('an image or a folder of images', where, path, 'There is no such file.');
    if (!kind.isDirectory()) {
      found.set(resolve(path), path);
      continue;
    }
    const names = (await readdir(path, { recursive: true })).filter(isImageName).sort();
    if (names.length === 0) throw new UsageError(`Expected images in the folder ${path} but found none.`);
    for (const name of names) found.set(resolve(path, name), join(path, name));
  }
  return [...found].map(([file, path]) => ({ id: path, path, source: { file }, labels: [] }));
};
