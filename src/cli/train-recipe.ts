// Recipe files of `verydeep train`: several nets in order, each with its flags, later ones starting from earlier ones.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { parse } from 'yaml';
import { UsageError, expected, messageOf } from '../errors.js';
import { type TrainFlags, parseFlags, recipeOptions } from './train-flags.js';

/** One net of a recipe. */
export interface PlannedNet {
  /** Its folder in --out, and the name by which later nets start from it. */
  readonly name: string;
  readonly flags: TrainFlags;
}

type Entries = Readonly<Record<string, unknown>>;

const isEntries = (value: unknown): value is Entries =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The recipes that come with the package. */
const builtIn = fileURLToPath(new URL('../../../recipes/', import.meta.url));

const find = (file: string): string => {
  const candidates = [resolve(file), join(builtIn, file)];
  const found = candidates.find(existsSync);
  if (found === undefined) throw expected('an existing recipe file', '--recipe', file);
  return found;
};

/** Flags of the command line as given, without those that say where and what. */
const argsOf = (file: string, net: string, entries: Entries): string[] => {
  const known = new Set(recipeOptions().map((option) => (option.negate ? 'flip' : option.name())));
  return Object.entries(entries).flatMap(([key, value]) => {
    const where = `${key} of the net ${net} in ${file}`;
    if (key === 'flip' && typeof value === 'boolean') return value ? [] : ['--no-flip'];
    if (!known.has(key) || !['string', 'number', 'boolean'].includes(typeof value)) {
      throw expected(`a flag of verydeep train (${[...known].join(', ')}) with a value`, where, value);
    }
    return [`--${key}`, String(value)];
  });
};

const INPUT_SIZE = 224;

/**
 * `train-side` of a net whose input size is another on the command line than in the file: in proportion, so that the
 * paper's recipe runs at any size (256 of 224 is 37 of 32).
 */
const inProportion = (entries: Entries, overrides: readonly string[]): Entries => {
  const given = overrides[overrides.indexOf('--input-size') + 1];
  const { 'input-size': own = INPUT_SIZE, 'train-side': side } = entries;
  if (!overrides.includes('--input-size') || (typeof side !== 'string' && typeof side !== 'number'))
    return entries;
  const factor = Number(given) / Number(own);
  return {
    ...entries,
    'train-side': String(side).replace(/\d+/g, (pixels) => String(Math.round(Number(pixels) * factor))),
  };
};

/**
 * Reads a recipe: `nets`, a list of nets with a `name` and flags without dashes, and `defaults` for all of them.
 * `init-from` names an earlier net of the recipe, or a file.
 *
 * @param file a YAML file; one of the package's own (`paper.yaml`) if there is none of that name
 * @param out where the nets' folders are
 * @param overrides flags of the command line, which win over the file's; another `--input-size` scales `train-side` too
 * @throws UsageError naming file, net and key
 */
export const readRecipe = async (
  file: string,
  out: string,
  overrides: readonly string[],
): Promise<readonly PlannedNet[]> => {
  const path = find(file);
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`Cannot read the recipe ${path}: ${messageOf(error)}.`);
  }
  if (!isEntries(document)) throw expected('nets and defaults', path, document);
  const { nets, defaults = {}, ...others } = document;
  const [extra] = Object.keys(others);
  if (extra !== undefined) throw expected('only nets and defaults', path, extra);
  if (!isEntries(defaults)) throw expected('flags', `defaults in ${path}`, defaults);
  if (!Array.isArray(nets) || nets.length === 0) throw expected('a list of nets', `nets in ${path}`, nets);
  const names: string[] = [];
  return nets.map((net: unknown): PlannedNet => {
    if (!isEntries(net)) throw expected('a name and flags', `a net in ${path}`, net);
    const { name, 'init-from': from, ...flags } = net;
    if (typeof name !== 'string' || !/^[\w.@-]+$/.test(name) || names.includes(name)) {
      throw expected('a name of its own (letters, digits, -, _)', `a net in ${path}`, name);
    }
    const initial = (): string[] => {
      if (from === undefined) return [];
      if (typeof from !== 'string')
        throw expected('a net or a file', `init-from of ${name} in ${path}`, from);
      if (names.includes(from)) return ['--init-from', join(out, from, 'backbone.safetensors')];
      const other = isAbsolute(from) ? from : join(dirname(path), from);
      if (!existsSync(other))
        throw expected('an earlier net or a file', `init-from of ${name} in ${path}`, from);
      return ['--init-from', other];
    };
    try {
      const entries = inProportion({ ...defaults, ...flags }, overrides);
      const args = [...argsOf(path, name, entries), ...initial(), ...overrides];
      return { name, flags: parseFlags(args) };
    } catch (error) {
      if (error instanceof CommanderError) {
        throw new UsageError(
          `The net ${name} in ${path} is wrong: ${messageOf(error).replace(/^error: /, '')}.`,
        );
      }
      throw error;
    } finally {
      names.push(name);
    }
  });
};
