// A common view of a data set's files in a folder or in the original archives.
import { existsSync } from 'node:fs';
import { open, readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError, codeOf, expected, option, text } from '../../errors.js';
import { isOutputFolder } from '../../io/output-folder.js';
import type { OnProgress } from '../../progress.js';
import { byCode, requireFolder } from '../common.js';
import type { ImageSource } from '../dataset.js';
import { isDropping } from '../names.js';
import { LOOP_REASON, OUTPUT_REASON, type PassedOver, isAbove, listFolder } from '../walk.js';
import { type RepackOptions, isCompressed, repack } from './repack.js';
import { cachedIndex } from './tar-cache.js';

/** A folder holds neither the data set nor its archives. */
export class NoDatasetError extends UsageError {}

/** Files below the data set's top folder ("VOC2007", "101_ObjectCategories"); paths have `/` between folders. */
export interface Tree {
  /** Absolute path that the user gave. */
  readonly root: string;
  /** Name of the top folder. */
  readonly top: string;
  /** The files directly in `folder`, by name in code-unit order; empty where there is no such folder. */
  files(folder: string): Promise<ReadonlyMap<string, ImageSource>>;
  /** Names of the folders directly in `folder`. */
  folders(folder: string): Promise<readonly string[]>;
  /** Files skipped in the folders read so far. */
  passedOver(): Promise<readonly PassedOver[]>;
  /** The location of `path`, existing or not, for messages. */
  where(path: string): string;
}

/** The files to look for. */
export interface TreePlan {
  readonly top: string;
  /** Folders in which `top` may lie, relative to the root: "" and "VOCdevkit". */
  readonly within: readonly string[];
  /** Names of original archives, in the order in which they complete each other; see `repack` for `inner`. */
  readonly archives: readonly { readonly file: string; readonly inner?: RegExp }[];
  /** Only the first archive found is needed: the others are other forms of it. */
  readonly oneArchive?: boolean;
  /** A file in the top folder that tells it by any other name. */
  readonly sign?: readonly string[];
}

const folderTree = (root: string, top: string, base: string): Tree => {
  interface Known {
    readonly files: ReadonlyMap<string, ImageSource>;
    readonly folders: readonly string[];
    readonly passed: readonly PassedOver[];
  }
  const known = new Map<string, Promise<Known>>();
  const read = async (folder: string): Promise<Known> => {
    try {
      const { files, folders, passed } = await listFolder(join(base, folder));
      const inner = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
      const out: PassedOver[] = [];
      for (const { name, link } of folders) {
        const path = join(base, inner(name));
        if (link && (await isAbove(path, join(base, folder)))) out.push({ path: name, reason: LOOP_REASON });
        else if (await isOutput(path)) out.push({ path: name, reason: OUTPUT_REASON });
      }
      return {
        files: new Map(files.map((name) => [name, { file: join(base, folder, name) }])),
        folders: folders.map(({ name }) => name).filter((name) => !out.some(({ path }) => path === name)),
        passed: [...passed, ...out].map(({ path, reason }) => ({ path: inner(path), reason })),
      };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return { files: new Map(), folders: [], passed: [] };
      if (code !== 'EACCES' && code !== 'EPERM') throw error;
      const reason = 'a folder that may not be read: permission denied';
      return { files: new Map(), folders: [], passed: [{ path: folder, reason }] };
    }
  };
  const list = (folder: string): Promise<Known> => {
    const once = known.get(folder) ?? read(folder);
    known.set(folder, once);
    return once;
  };
  return {
    root,
    top,
    files: async (folder) => (await list(folder)).files,
    folders: async (folder) => (await list(folder)).folders,
    passedOver: async () => (await Promise.all(known.values())).flatMap(({ passed }) => passed),
    where: (path) => join(base, path),
  };
};

/** Whether a folder, which may be unreadable, is one of results. */
const isOutput = async (folder: string): Promise<boolean> =>
  isOutputFolder(await readdir(folder).catch(() => []));

const archiveTree = async (
  root: string,
  plan: TreePlan,
  archives: readonly { path: string; inner?: RegExp }[],
  options: Pick<RepackOptions, 'cache' | 'onProgress'>,
): Promise<Tree> => {
  const files = new Map<string, Map<string, ImageSource>>();
  const folders = new Map<string, Set<string>>();
  for (const { path, inner } of archives) {
    const tar = isCompressed(path) ? await repack(path, { ...options, ...(inner && { inner }) }) : path;
    for (const entry of (await cachedIndex(tar, options.cache)).entries) {
      const parts = entry.path.split('/');
      const at = parts.indexOf(plan.top);
      if (at < 0) continue;
      const source = { file: tar, slice: { offset: entry.offset, length: entry.length } };
      const inside = parts.slice(at + 1);
      if (inside.some(isDropping)) continue;
      const name = inside.pop()!;
      const folder = inside.join('/');
      if (!files.has(folder)) files.set(folder, new Map());
      files.get(folder)!.set(name, source);
      for (let depth = inside.length; depth > 0; depth--) {
        const above = inside.slice(0, depth - 1).join('/');
        if (!folders.has(above)) folders.set(above, new Set());
        folders.get(above)!.add(inside[depth - 1]!);
      }
    }
  }
  if (files.size === 0) {
    throw expected(`a folder ${plan.top}`, archives.map(({ path }) => path).join(' and '), 'other files');
  }
  for (const [folder, names] of files) {
    files.set(folder, new Map([...names].sort(([a], [b]) => byCode(a, b))));
  }
  const shown = archives.map(({ path }) => basename(path)).join(' and ');
  return {
    root,
    top: plan.top,
    files: (folder) => Promise.resolve(files.get(folder) ?? new Map<string, ImageSource>()),
    folders: (folder) => Promise.resolve([...(folders.get(folder) ?? [])].sort(byCode)),
    passedOver: () => Promise.resolve([]),
    where: (path) => `${plan.top}/${path} in ${join(root, shown)}`,
  };
};

const MAX_LISTED = 8;

/**
 * Finds a data set under `root`: unpacked (the top folder itself, or a folder that holds it), else in its
 * archives.
 *
 * @throws UsageError listing the expected files and the contents of `root`
 */
export const openTree = async (
  root: string,
  plan: TreePlan,
  options: { cache?: string; onProgress?: OnProgress } = {},
): Promise<Tree> => {
  const absolute = resolve(root);
  await requireFolder(absolute);
  const bases = [
    ...plan.within.map((folder) => join(absolute, folder, plan.top)),
    ...(basename(absolute) === plan.top || plan.sign?.some((name) => existsSync(join(absolute, name)))
      ? [absolute]
      : []),
  ];
  const base = bases.find((path) => existsSync(join(path, '.')));
  if (base !== undefined) return folderTree(absolute, plan.top, base);
  const found = plan.archives
    .map(({ file, inner }) => ({ path: join(absolute, file), ...(inner && { inner }) }))
    .filter(({ path }) => existsSync(path));
  if (found.length > 0) {
    return archiveTree(absolute, plan, plan.oneArchive ? found.slice(0, 1) : found, options);
  }
  const names = (await readdir(absolute)).sort(byCode);
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  throw new NoDatasetError(
    text`Expected the folder ${plan.top}, or the archives ${plan.archives.map(({ file }) => file).join(', ')}, in ${absolute} given for ${option('data')}, but it holds ${names.slice(0, MAX_LISTED).join(', ') || 'nothing'}${more}.`,
  );
};

/** Reads a small file, from a folder or an archive. */
export const readSlice = async ({ file, slice }: ImageSource): Promise<Buffer> => {
  if (!slice) return readFile(file);
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(slice.length),
      0,
      slice.length,
      slice.offset,
    );
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
};

/** The text of a file of a tree; undefined if missing. */
export const textOf = async (tree: Tree, path: string): Promise<string | undefined> => {
  const folder = dirname(path);
  const source = (await tree.files(folder === '.' ? '' : folder)).get(basename(path));
  return source && (await readSlice(source)).toString('utf8');
};
