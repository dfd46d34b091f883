// The boxes in an image's XML annotation, as VOC and ILSVRC have it.
import { expected } from '../errors.js';
import type { LabelledBox } from './dataset.js';
import { parseAnnotation } from './voc-annotation.js';

/** Name of an image without folder and ending. */
export const stemOf = (path: string): string =>
  path.slice(path.lastIndexOf('/') + 1).replace(/\.[A-Za-z]\w*$/, '');

/** What some of ILSVRC's files have in place of a name. */
const UNKNOWN = '%s';

/** The line of the text's first `<filename>`. */
const lineOfName = (xml: string): number => xml.slice(0, xml.indexOf('<filename')).split('\n').length;

/**
 * The boxes of an image in its annotation, without those of difficult objects.
 *
 * @param where the annotation, for messages
 * @param image path of the image that it must be of
 * @param first the number of the first pixel of a row: 1 in VOC, 0 in ILSVRC
 * @throws UsageError naming the annotation and the line: no XML, of another image, an invalid box
 */
export const annotatedBoxes = (xml: string, where: string, image: string, first: 0 | 1): LabelledBox[] => {
  const { filename, objects } = parseAnnotation(xml, where, first);
  const named = filename?.trim() ?? '';
  if (named !== '' && named !== UNKNOWN && stemOf(named) !== stemOf(image)) {
    throw expected(
      `the annotation of ${image}`,
      `<filename> of ${where} line ${lineOfName(xml)}`,
      named,
      'It is of another image.',
    );
  }
  return objects.filter(({ difficult }) => !difficult).map(({ name, box }) => ({ label: name.trim(), box }));
};
