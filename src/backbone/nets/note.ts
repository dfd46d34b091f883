// A note in exported files for metadata that foreign formats have no field for: preprocessing and class
// names.
import { UsageError, messageOf } from '../../errors.js';
import { toStored } from '../../stored.js';
import { type BackboneMetadata, type InputNormalisation, checkInput } from './backbone.js';

/** The key of the note in formats with free metadata. */
export const NOTE = 'verydeep.input';

/** Writes a backbone's note, as JSON. */
export const noteOf = ({ input, classes }: BackboneMetadata): string =>
  JSON.stringify({ input: toStored(input), classes });

/**
 * Reads a note; an empty object if there is none. @throws UsageError naming the file when the note is damaged
 */
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
