// What `predict --boxes` is given: a net of boxes, or a table.
import { extname } from 'node:path';

/** Whether the file given for the option boxes is a net; else it is a table. */
export const isNetOfBoxes = (file: string | undefined): boolean =>
  file !== undefined && extname(file).toLowerCase() === '.safetensors';
