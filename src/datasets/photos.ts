// Images without labels: files named one by one, and folders of them, flat or nested.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type OptionName, UsageError, expected, text } from '../errors.js';
import { refuseDescriptors } from './common.js';
import type { Item } from './dataset.js';
import { isImageName, unreadReason } from './names.js';
import { type PassedOver, walkFolder } from './walk.js';
import { readReason, sentence } from '../io/readable.js';

/**
 * The images named and those in the folders named, each once: in the order of the paths, and by name within a folder.
 *
 * @param where the argument or option that named them, for messages
 * @param onPassedOver told what in the folders is not read, and why
 * @throws UsageError for a path that is not there or no file, and a folder without images
 */
export const photosIn = async (
  paths: readonly string[],
  where: OptionName | string = 'the argument',
  onPassedOver?: (one: PassedOver) => void,
): Promise<Item[]> => {
  const found = new Map<string, string>();
  for (const path of paths) {
    const kind = await stat(path).catch((error: unknown) => {
      throw expected('an image or a folder of images', where, path, sentence(readReason(error)));
    });
    if (!kind.isDirectory()) {
      if (!kind.isFile()) {
        throw expected(
          'an image or a folder of images',
          where,
          path,
          'It is a pipe or a device, not a file.',
        );
      }
      found.set(resolve(path), path);
      continue;
    }
    await refuseDescriptors(path, where);
    const { files, passed } = await walkFolder(path, where);
    const images = files.filter(isImageName);
    const others = [
      ...passed.map(({ path: inner, reason }) => ({ path: join(path, inner), reason })),
      ...files
        .filter((name) => !isImageName(name))
        .map((name) => ({ path: join(path, name), reason: unreadReason(name) })),
    ];
    if (images.length === 0) {
      const [first] = others;
      const why = first ? ` (${first.path}: ${first.reason})` : '';
      throw new UsageError(text`Expected images in the folder ${path} but found none${why}.`);
    }
    if (onPassedOver) others.forEach(onPassedOver);
    for (const name of images) found.set(resolve(path, name), join(path, name));
  }
  return [...found].map(([file, path]) => ({ id: path, path, source: { file }, labels: [] }));
};
