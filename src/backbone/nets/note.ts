// How exported files of foreign formats keep what those formats have no place for: preprocessing and class names.
import { UsageError, messageOf } from '../../errors.js';
import { toStored } from '../../interpolation.js';
import { type BackboneMetadata, type InputNormalisation, checkInput } from './backbone.js';

/** The key under which formats with free metadata carry the note. */
export const NOTE = 'verydeep.input';

/** The note of a backbone, as JSON. */
export const noteOf = ({ input, classes }: BackboneMetadata): string =>
  JSON.stringify({ input: toStored(input), classes });

/** Reads a note; nothing where there is none. @throws UsageError naming the file when it is damaged */
export const readNote = (
  path: string,
  text: string | undefined,
): { input?: InputNormalisation; classes?: readonly string[] } => {
  if (text === undefined) return {};
  try {
    const { input, classes } = JSON.parse(text) as { input?: unknown; classes?: unknown };
    const isNames = Array.isArray(classes) && classes.every((name) => typeof name === 'string');
    return { input: checkInput(path, input), ...(isNames && classes.length > 0 ? { classes } : {}) };
  } catch (error) {
    throw new UsageError(`The note ${NOTE} in ${path} is damaged. ${messageOf(error)}`);
  }
};
