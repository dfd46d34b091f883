// Recipe files of `verydeep train`: a list of nets with their options; later nets can start from earlier
// ones.
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { isRecord } from '../checks.js';
import { BUILTIN } from '../backbone/nets/builtin.js';
import { trainingOptions } from '../backbone/training/options.js';
import { validationOptions } from '../datasets/options.js';
import { UsageError, expected, messageOf, option } from '../errors.js';
import { requireFile } from '../io/readable.js';
import { type OptionTable, type OptionsOf, kebab, parseOption } from '../options.js';

/** Options that a recipe file may set. */
export const netChoices = { ...trainingOptions, ...validationOptions } as const satisfies OptionTable;
export type NetChoices = Partial<OptionsOf<typeof netChoices>>;

/** One net of a recipe. */
export interface PlannedNet {
  /** Name of its folder in the results, used by later nets to start from it. */
  readonly name: string;
  readonly options: NetChoices;
}

type Entries = Readonly<Record<string, unknown>>;

/** Folder of the package's own recipes. */
const builtIn = fileURLToPath(new URL('../../../recipes/', import.meta.url));

const find = (file: string): string => {
  const candidates = [resolve(file), join(builtIn, file)];
  const found = candidates.find(existsSync);
  if (found === undefined) {
    const own = readdirSync(builtIn).join(', ');
    throw expected('an existing recipe file', option('recipe'), file, `The package has ${own}.`);
  }
  requireFile(found, { what: 'recipe', where: option('recipe'), inside: ['*.yaml', '*.yml'] });
  return found;
};

/** Options by key of a recipe file: their names, present and former, in kebab-case. */
const byKey = new Map(
  Object.entries<OptionTable[string]>(netChoices).flatMap(([name, definition]) =>
    [name, ...(definition.formerly ?? [])].map((each) => [kebab(each), { name, definition }] as const),
  ),
);

/** The options of a net's entries. */
const optionsOf = (file: string, net: string, entries: Entries): NetChoices =>
  Object.fromEntries(
    Object.entries(entries).map(([key, value]) => {
      const where = `${key} of the net ${net} in ${file}`;
      const known = byKey.get(key);
      if (!known) throw expected(`an option (${[...byKey.keys()].join(', ')})`, where, value);
      const { name, definition } = known;
      if (!['string', 'number', 'boolean'].includes(typeof value)) {
        throw expected(definition.kind.what, where, value);
      }
      return [name, parseOption(name, definition, String(value), where)];
    }),
  );

const INPUT_SIZE = 224;

/**
 * Scales `train-side` if the command line overrides the input size, so that the paper's recipe runs at any
 * size (256 of 224 becomes 37 of 32).
 */
const inProportion = (options: NetChoices, { inputSize }: NetChoices): NetChoices => {
  const { inputSize: own = INPUT_SIZE, trainSide } = options;
  if (inputSize === undefined || trainSide === undefined) return options;
  const [low, high] = trainSide.map((pixels) => Math.round((pixels * inputSize) / own));
  return { ...options, trainSide: [low!, high!] };
};

/**
 * Reads a recipe: `nets`, a list of nets with a `name` and options in kebab-case, and `defaults` for all of
 * them. `init-from` and `teacher` name an earlier net of the recipe, a file, or builtin.
 *
 * @param file a YAML file; if missing, one of the package's own (`paper.yaml`)
 * @param out parent of the nets' folders
 * @param overrides options that win over the file's; another `inputSize` scales `trainSide` too
 * @throws UsageError naming file, net and key
 */
export const readRecipe = async (
  file: string,
  out: string,
  overrides: NetChoices,
): Promise<readonly PlannedNet[]> => {
  const path = find(file);
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`Cannot read the recipe ${path}: ${messageOf(error)}.`);
  }
  if (!isRecord(document)) throw expected('nets and defaults', path, document);
  const { nets, defaults = {}, ...others } = document;
  const [extra] = Object.keys(others);
  if (extra !== undefined) throw expected('only nets and defaults', path, extra);
  if (!isRecord(defaults)) throw expected('options', `defaults in ${path}`, defaults);
  if (!Array.isArray(nets) || nets.length === 0) throw expected('a list of nets', `nets in ${path}`, nets);
  const names: string[] = [];
  return nets.map((net: unknown): PlannedNet => {
    if (!isRecord(net)) throw expected('a name and options', `a net in ${path}`, net);
    const { name, 'init-from': from, teacher, ...entries } = net;
    if (typeof name !== 'string' || !/^[\w.@-]+$/.test(name) || names.includes(name)) {
      throw expected('a name of its own (letters, digits, -, _)', `a net in ${path}`, name);
    }
    const netOrFile = (key: string, from: unknown): string => {
      if (typeof from !== 'string') throw expected('a net or a file', `${key} of ${name} in ${path}`, from);
      if (from === BUILTIN) return from;
      if (names.includes(from)) return join(out, from, 'backbone.safetensors');
      const other = isAbsolute(from) ? from : join(dirname(path), from);
      if (!existsSync(other))
        throw expected('an earlier net or a file', `${key} of ${name} in ${path}`, from);
      return other;
    };
    const options = {
      ...inProportion(optionsOf(path, name, { ...defaults, ...entries }), overrides),
      ...(from !== undefined && { initFrom: netOrFile('init-from', from) }),
      ...(teacher !== undefined && { teacher: netOrFile('teacher', teacher) }),
      ...overrides,
    };
    names.push(name);
    return { name, options };
  });
};
