// The rule for results that are there already: one made with other options is never replaced without `force`, and `resume`
// continues only the same work. A record beside each result says which work made it.
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Message, type OptionName, UsageError, expected, option, optionValue, text } from '../errors.js';
import { isEmptyFolder, makeFolder, writeFileAtomically } from './files.js';
import { OUTPUT_MARKER, makeOutputFolder, markerText } from './output-folder.js';

/** A value that is known by its content wherever it lies: two are the same if `is` is. */
export interface Content {
  readonly is: string;
  /** As it was given: a path. */
  readonly shown: string;
}

/**
 * The options that make a result what it is, by name; undefined where not given. Those that cannot change it, such as
 * the number of threads, are left out. What is no option has a name with an article: "the images".
 */
export type Work = Readonly<Record<string, unknown>>;

/** What a user allows for a result that is there already. */
export interface Permission {
  /** Continue the same work. */
  readonly resume?: boolean | undefined;
  /** Replace other work. */
  readonly force?: boolean | undefined;
}

/** Images as they are told apart. */
interface ListedImage {
  readonly id: string;
  readonly path: string;
  readonly labels: readonly string[];
  readonly box?: object;
}

/** A hash of a list of images. */
export const hashOfImages = (images: Iterable<ListedImage>): string => {
  const hash = createHash('sha256');
  for (const { id, path, labels, box } of images) hash.update(`${JSON.stringify([id, path, labels, box])}\n`);
  return hash.digest('hex').slice(0, 16);
};

const isContent = (value: unknown): value is Content =>
  typeof value === 'object' && value !== null && 'is' in value && 'shown' in value;

/** A value as it is compared. */
const identity = (value: unknown): string | undefined =>
  JSON.stringify(isContent(value) ? value.is : (value ?? undefined));

/** A value as a message shows it. */
const shownValue = (value: unknown): unknown => (isContent(value) ? value.shown : value);

/** The present value; of a path that holds something else than before, that it does. */
const shownNow = (was: unknown, is: unknown): unknown =>
  isContent(was) && isContent(is) && was.shown === is.shown
    ? `${is.shown} with other content`
    : shownValue(is);

/** How two pieces of work differ: "trainPerClass was 30, is 15; …"; undefined if they do not. */
export const differenceOf = (before: Work, now: Work): Message | undefined => {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const different = names.filter((name) => identity(before[name]) !== identity(now[name]));
  if (different.length === 0) return undefined;
  return different
    .map((name): Message => {
      const [was, is] = [before[name], now[name]];
      const named = name.startsWith('the ') ? name : option(name);
      return text`${named} was ${optionValue(name, shownValue(was))}, is ${optionValue(name, shownNow(was, is))}`;
    })
    .reduce((all, one) => text`${all}; ${one}`);
};

/** The error for a result of other options. */
export const refusal = (
  what: Message,
  difference: Message,
  advice: Message = text`Give the same options, or another ${option('out')}`,
): UsageError =>
  new UsageError(
    text`${what} was made with other options: ${difference}. ${advice}, or add ${option('force')} to replace it.`,
  );

/** A record on disk. */
interface WorkRecord {
  /** The command: "evaluate folder". */
  readonly command: string;
  readonly options: Work;
  /** Size and time of a single file, to tell whether another program has replaced it. */
  readonly file?: string;
}

const recordIn = async (path: string): Promise<WorkRecord | undefined> => {
  try {
    const { command, options, file } = JSON.parse(await readFile(path, 'utf8')) as Partial<WorkRecord>;
    if (typeof command !== 'string' || typeof options !== 'object') return undefined;
    return { command, options, ...(file !== undefined && { file }) };
  } catch {
    return undefined; // No record, or that of a version without options.
  }
};

/** The difference of two records: of their commands, else of their options. */
const recordDifference = (before: WorkRecord, command: string, now: Work): Message | undefined =>
  before.command === command
    ? differenceOf(before.options, now)
    : `the command was ${before.command}, is ${command}`;

/** Records the work of a folder that exists. */
export const recordWork = (folder: string, command: string, work: Work): Promise<void> =>
  writeFileAtomically(join(folder, OUTPUT_MARKER), markerText({ command, options: work }));

/** The record of the work that a folder holds; undefined if none says. */
export const workIn = async (folder: string): Promise<Work | undefined> =>
  (await recordIn(join(folder, OUTPUT_MARKER)))?.options;

/**
 * Takes a folder for the results of a piece of work, and makes it.
 *
 * @param command the command: "evaluate folder"
 * @param more `known`: the work that results without a record tell of, those of an earlier version; `advice`: what else
 *   to do about results of other work
 * @returns whether the run continues the results that are there; else it starts, and removes them if there are any
 * @throws UsageError if the folder holds results of other work, unless forced; or of the same, unless resumed
 */
export const claimFolder = async (
  folder: string,
  command: string,
  work: Work,
  { resume = false, force = false }: Permission,
  more: { readonly known?: () => Promise<Work | undefined>; readonly advice?: Message } = {},
): Promise<'continue' | 'start'> => {
  const kind = await stat(folder).catch(() => undefined);
  const used = kind?.isDirectory() === true && !(await isEmptyFolder(folder, OUTPUT_MARKER));
  const marked = used ? await recordIn(join(folder, OUTPUT_MARKER)) : undefined;
  const earlier =
    marked ?? (used ? await more.known?.().then((options) => options && { command, options }) : undefined);
  const difference = earlier && recordDifference(earlier, command, work);
  if (used && !force) {
    if (difference !== undefined)
      throw refusal(
        text`The result in the folder ${folder} given for ${option('out')}`,
        difference,
        more.advice,
      );
    if (!resume) {
      throw new UsageError(
        text`The folder ${folder} given for ${option('out')} already holds ${earlier ? 'results of these options' : 'files'}. Add ${option('resume')} to continue that run, choose another folder, or add ${option('force')} to replace them.`,
      );
    }
  }
  await makeOutputFolder(folder);
  await recordWork(folder, command, work);
  const isSame = earlier !== undefined && difference === undefined;
  return used && resume && (isSame || !force) ? 'continue' : 'start';
};

const recordOf = (file: string): string => join(dirname(file), `.${basename(file)}${OUTPUT_MARKER}`);

/** Files that may be written. */
export interface ClaimedFiles {
  /** Records the work, once the files are written. */
  made(): Promise<void>;
}

/** What changes when a file is written again. */
const stampOf = ({ size, mtimeMs }: Pick<Stats, 'size' | 'mtimeMs'>): string => `${size} bytes, ${mtimeMs}`;

/** Refuses a file that is there, unless it is the same work's. */
const refuseFile = async (
  file: string,
  command: string,
  work: Work,
  force: boolean,
  where: OptionName | string,
): Promise<void> => {
  const kind = await stat(file).catch(() => undefined); // Making its folder says what is wrong with the path.
  if (kind?.isDirectory()) throw expected('the path of a file', where, file, 'It is a folder.');
  if (!kind?.isFile() || force) return;
  const before = await recordIn(recordOf(file));
  if (before === undefined || before.file !== stampOf(kind)) {
    throw new UsageError(
      text`The file ${file} given for ${where} is there already, and what made it is not known. Choose another name, or add ${option('force')} to replace it.`,
    );
  }
  const difference = recordDifference(before, command, work);
  if (difference !== undefined)
    throw refusal(text`The file ${file} given for ${where}`, difference, 'Choose another name');
};

/**
 * Takes the paths of files for the result of a piece of work, and makes their folder.
 *
 * @param command the command: "features export"
 * @param where the option that named the first file
 * @throws UsageError if one of other work, or of unknown origin, is there, unless forced; or a folder
 */
export const claimFiles = async (
  files: readonly string[],
  command: string,
  work: Work,
  { force = false }: Permission,
  where: OptionName | string = option('out'),
): Promise<ClaimedFiles> => {
  for (const file of files) {
    await refuseFile(file, command, work, force, where);
    await makeFolder(dirname(file), where);
  }
  return {
    made: async () => {
      for (const file of files) {
        const record: WorkRecord = { command, options: work, file: stampOf(await stat(file)) };
        await writeFileAtomically(recordOf(file), markerText(record));
      }
    },
  };
};

/** Removes files and folders of an earlier run from a folder, before a forced one. */
export const removeResults = async (folder: string, names: readonly string[]): Promise<void> => {
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
};
