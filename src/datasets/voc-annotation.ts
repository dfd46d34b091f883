// Reads VOC's annotation of an image: objects with boxes, difficult flags and, for persons, actions.
import { XMLParser } from 'fast-xml-parser';
import { SyntaxValidator } from 'fast-xml-validator';
import { UsageError, expected, messageOf } from '../errors.js';
import { type Tree, textOf } from './archives/tree.js';
import type { Box } from './dataset.js';
import { isAnnotationOf } from './voc-lists.js';

export interface VocObject {
  /** Class: "person", "horse", … */
  readonly name: string;
  /** In 0-based pixels; the kit's are 1-based and inclusive. */
  readonly box: Box;
  /** Hard to recognise; left out of the evaluation. */
  readonly difficult: boolean;
  readonly truncated: boolean;
  /** Actions annotated for a person, and whether the person performs them. */
  readonly actions: Readonly<Record<string, boolean>>;
}

export interface VocAnnotation {
  /** "VOC2007" or "VOC2012", if given in the file. */
  readonly folder: string | undefined;
  /** Name of the image, if given in the file. */
  readonly filename: string | undefined;
  /** Size of the image in pixels, if given in the file. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** In file order; the action lists count them from 1. */
  readonly objects: readonly VocObject[];
}

/** A parsed element: its text, or its children. */
type Element = string | { readonly [name: string]: Element | readonly Element[] };

// Entities are not expanded, so that a small file cannot fill memory. Values stay text.
const parser = new XMLParser({
  processEntities: false,
  ignoreAttributes: true,
  parseTagValue: false,
  isArray: (_, path) => path === 'annotation.object',
});

const child = (element: Element | undefined, name: string): Element | undefined => {
  if (element === undefined || typeof element === 'string' || !Object.hasOwn(element, name)) return undefined;
  const found = element[name]!;
  return Array.isArray(found) ? (found as readonly Element[])[0] : (found as Element);
};

const numberIn = (element: Element | undefined, name: string, where: string): number => {
  const value = child(element, name);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
  if (!Number.isFinite(number)) throw expected('a number', `<${name}> of ${where}`, value);
  return number;
};

const textIn = (element: Element | undefined, name: string): string | undefined => {
  const value = child(element, name);
  return typeof value === 'string' ? value : undefined;
};

/** A number; undefined if missing or invalid. */
const maybeNumberIn = (element: Element | undefined, name: string): number | undefined => {
  const value = child(element, name);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
  return Number.isFinite(number) ? number : undefined;
};

/** Converts inclusive corners, which may be fractions and count pixels from `first`, to a 0-based corner and size. */
const boxOf = (object: Element, where: string, first: number): Box => {
  const corners = child(object, 'bndbox');
  const [left, top, right, bottom] = ['xmin', 'ymin', 'xmax', 'ymax'].map((name) =>
    numberIn(corners, name, where),
  ) as [number, number, number, number];
  if (right < left || bottom < top) {
    throw expected('a box with xmin <= xmax and ymin <= ymax', where, [left, top, right, bottom]);
  }
  return { x: left - first, y: top - first, width: right - left + 1, height: bottom - top + 1 };
};

/** The lines on which objects begin, from 1. */
const linesOfObjects = (xml: string): number[] =>
  xml.split('\n').flatMap((line, i) => Array.from(line.matchAll(/<object[\s>]/g), () => i + 1));

/**
 * Parses an annotation.
 *
 * @param where the file, for messages
 * @param first the number of the first pixel of a row: 1 in VOC
 * @throws UsageError naming the file with the line, and the object and element, at fault
 */
export const parseAnnotation = (xml: string, where: string, first: 0 | 1 = 1): VocAnnotation => {
  let document: Element;
  try {
    SyntaxValidator.validate(xml);
    document = parser.parse(xml) as Element;
  } catch (error) {
    const line = error instanceof Error && 'line' in error ? ` line ${String(error.line)}` : '';
    throw new UsageError(`Cannot read the annotation ${where}${line}: ${messageOf(error)}`);
  }
  const annotation = child(document, 'annotation');
  if (annotation === undefined) throw expected('an <annotation>', where, 'other XML');
  const size = child(annotation, 'size');
  const objects = typeof annotation === 'string' ? [] : ((annotation['object'] ?? []) as readonly Element[]);
  const lines = objects.length === 0 ? [] : linesOfObjects(xml);
  return {
    folder: textIn(annotation, 'folder'),
    filename: textIn(annotation, 'filename'),
    width: maybeNumberIn(size, 'width'),
    height: maybeNumberIn(size, 'height'),
    objects: objects.map((object, index) => {
      const line = lines.length === objects.length ? ` line ${lines[index]!}` : '';
      const place = `object ${index + 1} of ${where}${line}`;
      const name = textIn(object, 'name');
      if (name === undefined) throw expected('a <name>', place, undefined);
      const actions = child(object, 'actions');
      return {
        name,
        box: boxOf(object, place, first),
        difficult: textIn(object, 'difficult') === '1',
        truncated: textIn(object, 'truncated') === '1',
        actions:
          actions === undefined || typeof actions === 'string'
            ? {}
            : Object.fromEntries(
                Object.keys(actions).map((action) => [action, textIn(actions, action) === '1']),
              ),
      };
    }),
  };
};

/**
 * Reads the annotation of an image.
 *
 * @throws UsageError naming a file that is missing, malformed or of another year
 */
export const readAnnotation = async (tree: Tree, id: string): Promise<VocAnnotation> => {
  const path = `Annotations/${id}.xml`;
  const text = await textOf(tree, path);
  if (text === undefined) throw expected('an annotation', tree.where(path), 'no such file');
  const annotation = parseAnnotation(text, tree.where(path));
  if (annotation.folder !== undefined && !isAnnotationOf(tree.top, annotation.folder.trim())) {
    throw expected(
      `an annotation of ${tree.top}`,
      tree.where(path),
      annotation.folder,
      'The years are mixed up.',
    );
  }
  return annotation;
};
