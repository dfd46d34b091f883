// The drawings of every artist, joined to the concepts by code point, or by name where a package tells no code points.
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '../../src/io/files.js';
import { artistNamed } from './artists.js';
import { type Concept, codeOf } from './concepts.js';
import { packageFile } from './packages.js';

/** One artist's drawing of one concept. */
export interface Drawing {
  readonly concept: Concept;
  readonly artist: string;
  /** SVG elements inside the root element. */
  readonly body: string;
  /** `[left, top, width, height]` in the drawing's own units. */
  readonly viewBox: readonly [number, number, number, number];
  /** Drawn mirrored (how some packages store "pointing right"). */
  readonly mirrored: boolean;
}

interface IconFile {
  readonly icons: Readonly<Record<string, Icon>>;
  readonly aliases?: Readonly<Record<string, Alias>>;
  readonly width?: number;
  readonly height?: number;
}
interface Icon {
  readonly body: string;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}
interface Alias {
  readonly parent: string;
  readonly hFlip?: boolean;
  readonly vFlip?: boolean;
  readonly rotate?: number;
}

const readJson = async <T>(name: string, file: string): Promise<T> =>
  JSON.parse(await readFile(packageFile(name, file), 'utf8')) as T;

/** A name reduced to letters and digits: "blackCat", "black-cat" and "Black cat" are one. */
const plain = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');

const ROOT = /<svg\b[^>]*?\bviewBox="([^"]+)"[^>]*>([\s\S]*)<\/svg>/;

/** Takes an SVG file apart; undefined where it is not one with a viewBox. */
export const takeApart = (svg: string): Pick<Drawing, 'body' | 'viewBox'> | undefined => {
  const [, box = '', body = ''] = ROOT.exec(svg) ?? [];
  const [left, top, width, height] = box.split(/[ ,]+/).map(Number);
  if (left === undefined || top === undefined || width === undefined || height === undefined)
    return undefined;
  return { body, viewBox: [left, top, width, height] };
};

/** Drawings kept as one SVG file a code point. */
const fromFiles = async (
  artist: string,
  concepts: ReadonlyMap<string, Concept>,
  probe: string,
): Promise<Drawing[]> => {
  const folder = dirname(packageFile(artistNamed(artist).package, probe));
  const drawings: Drawing[] = [];
  for (const file of (await readdir(folder)).sort()) {
    const concept = file.endsWith('.svg') ? concepts.get(codeOf(file.slice(0, -4))) : undefined;
    const parts = concept && takeApart(await readFile(join(folder, file), 'utf8'));
    if (parts) drawings.push({ concept, artist, ...parts, mirrored: false });
  }
  return drawings;
};

/** Drawings of an Iconify package; `find` tells the concept of an icon's name. */
const fromIcons = (
  artist: string,
  { icons, aliases = {}, width = 16, height = 16 }: IconFile,
  find: (name: string) => Concept | undefined,
): Drawing[] => {
  const named: [string, Alias][] = [
    ...Object.keys(icons).map((name): [string, Alias] => [name, { parent: name }]),
    ...Object.entries(aliases).filter(([, alias]) => !alias.vFlip && !alias.rotate),
  ];
  return named.flatMap(([name, { parent, hFlip = false }]): Drawing[] => {
    const [concept, icon] = [find(name), icons[parent]];
    if (!concept || !icon) return [];
    const viewBox = [icon.left ?? 0, icon.top ?? 0, icon.width ?? width, icon.height ?? height] as const;
    return [{ concept, artist, body: icon.body, viewBox, mirrored: hFlip }];
  });
};

/** Names for concepts that mean exactly one of them; a name that means two is left out. */
class Names {
  readonly #found = new Map<string, Concept | undefined>();

  add(name: string, concept: Concept | undefined): void {
    const key = plain(name);
    if (!concept) return;
    this.#found.set(key, this.#found.has(key) && this.#found.get(key) !== concept ? undefined : concept);
  }

  readonly find = (name: string): Concept | undefined => this.#found.get(plain(name));
}

const CODED = ['noto', 'fluent'] as const;
const NAMED = ['noto-v1', 'emojione', 'fxemoji'] as const;

/** Keeps the first drawing of a concept by an artist, and drops a drawing that the artist has used before. */
const distinct = (drawings: readonly Drawing[]): Drawing[] => {
  const seen = new Set<string>();
  return drawings.filter(({ concept, artist, body, mirrored }) => {
    const keys = [`${artist} ${concept.code}`, `${artist} ${sha256(body)} ${mirrored}`];
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
    return true;
  });
};

/** Every drawing of the given concepts in the installed packages, at most one by an artist for a concept; sorted. */
export const readDrawings = async (concepts: readonly Concept[]): Promise<Drawing[]> => {
  const byCode = new Map(concepts.map((concept) => [concept.code, concept]));
  const names = new Names();
  for (const concept of concepts) names.add(concept.name, concept);

  const drawings = [
    ...(await fromFiles('openmoji', byCode, 'color/svg/1F600.svg')),
    ...(await fromFiles('twemoji', byCode, '1f600.svg')),
  ];
  for (const artist of CODED) {
    const from = artistNamed(artist).package;
    const icons = await readJson<IconFile>(from, 'icons.json');
    const codes = new Map<string, Concept>();
    for (const [code, name] of Object.entries(await readJson<Record<string, string>>(from, 'chars.json'))) {
      const concept = byCode.get(codeOf(code));
      if (concept) codes.set(name, concept);
    }
    drawings.push(...fromIcons(artist, icons, (name) => codes.get(name)));
    for (const [name, concept] of codes) names.add(name, concept);
    for (const [alias, { parent, ...how }] of Object.entries(icons.aliases ?? {}))
      if (Object.keys(how).length === 0) names.add(alias, codes.get(parent));
  }
  for (const artist of NAMED) {
    const icons = await readJson<IconFile>(artistNamed(artist).package, 'icons.json');
    drawings.push(...fromIcons(artist, icons, names.find));
  }
  return distinct(drawings).sort((a, b) =>
    a.concept.code === b.concept.code
      ? Number(a.artist > b.artist) - Number(a.artist < b.artist)
      : Number(a.concept.code > b.concept.code) - Number(a.concept.code < b.concept.code),
  );
};
