// The demo's concepts: emoji without their skin-tone variants, each with its group and subgroup.
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { packageFile } from './packages.js';

/** What an emoji stands for, whoever draws it. */
export interface Concept {
  /** Lower-case code points without joiners and variation selectors, "1f408-2b1b"; unique. */
  readonly code: string;
  /** "black cat" */
  readonly name: string;
  /** Folder name, unique among all concepts: "black-cat". */
  readonly slug: string;
  /** "animals-nature" */
  readonly group: string;
  /** "animal-mammal" */
  readonly subgroup: string;
}

interface Row {
  readonly hexcode: string;
  readonly group: string;
  readonly subgroups: string;
  readonly annotation: string;
  readonly skintone: string;
}

const SKIN_TONE = /(^|-)1f3f[b-f](-|$)/;
const INVISIBLE = new Set(['fe0f', '200d']);

/** Code points as every package is joined by them: lower case, without joiners and variation selectors. */
export const codeOf = (hexcode: string): string =>
  hexcode
    .toLowerCase()
    .split(/[-_ ]/)
    .filter((point) => !INVISIBLE.has(point))
    .join('-');

/** Whether the code points hold a skin-tone modifier (U+1F3FB to U+1F3FF). */
export const hasSkinTone = (code: string): boolean => SKIN_TONE.test(code);

const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** Concepts of rows of openmoji's table: skin-tone variants dropped, sorted by code. */
export const conceptsOf = (rows: readonly Row[]): Concept[] => {
  const kept = rows
    .map((row) => ({ ...row, code: codeOf(row.hexcode) }))
    .filter((row) => row.skintone === '' && !hasSkinTone(row.code))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
  const names = new Map<string, number>();
  for (const row of kept) names.set(slugOf(row.annotation), (names.get(slugOf(row.annotation)) ?? 0) + 1);
  return kept.map((row) => {
    const slug = slugOf(row.annotation);
    const unique = slug !== '' && names.get(slug) === 1;
    return {
      code: row.code,
      name: row.annotation,
      slug: unique ? slug : `${slug}-${row.code}`.replace(/^-/, ''),
      group: row.group,
      subgroup: row.subgroups,
    };
  });
};

/** Reads the concepts from the table of the `openmoji` package. */
export const readConcepts = async (): Promise<Concept[]> =>
  conceptsOf(
    parse(await readFile(packageFile('openmoji', 'data/openmoji.csv')), { columns: true, bom: true }),
  );
