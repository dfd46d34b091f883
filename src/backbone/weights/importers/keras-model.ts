// Reads a Keras model's configuration (Keras 2 and 3, nested models) as layers in the order of application.
import { isRecord } from '../../../checks.js';
import { UsageError, expected } from '../../../errors.js';

export type Config = Readonly<Record<string, unknown>>;

/** A use of a layer: its configuration, and the models that contain it. */
export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  readonly config: Config;
  /** Names of the models that contain it, outermost first. */
  readonly models: readonly string[];
  /** Its path in Keras 3's weight files: "layers/functional/layers/conv2d_1". */
  readonly place: string;
  /** Further arguments that are not layers, as in Keras's operations on tensors. */
  readonly constants: readonly unknown[];
}

/** A text, where a value is one. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Keras's snake-case name of a class: "conv2d_transpose" for Conv2DTranspose. */
const snakeCase = (name: string): string =>
  name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** The layers listed in a model's configuration; undefined for a layer that is not a model. */
const layersIn = (className: string, config: unknown): readonly Config[] | undefined => {
  const list = Array.isArray(config) ? config : isRecord(config) ? config['layers'] : undefined;
  const isModel = /^(Functional|Model|Sequential)$/.test(className) || isRecord(config);
  return isModel && Array.isArray(list) ? list.filter(isRecord) : undefined;
};

const nameOf = (layer: Config): string => {
  const config = layer['config'];
  return (
    textOf(layer['name']) ??
    (isRecord(config) ? textOf(config['name']) : undefined) ??
    String(layer['class_name'])
  );
};

/** Names of a layer's input layers, and its other arguments. */
const inputsOf = (layer: Config): { inputs: string[]; constants: unknown[]; uses: number } => {
  const inputs: string[] = [];
  const constants: unknown[] = [];
  const visit = (value: unknown): void => {
    if (isRecord(value)) {
      if (value['class_name'] === '__keras_tensor__' && isRecord(value['config'])) {
        const history = value['config']['keras_history'];
        if (Array.isArray(history) && typeof history[0] === 'string') inputs.push(history[0]);
      } else if (typeof value['class_name'] === 'string') constants.push(value);
      else Object.values(value).forEach(visit);
    } else if (Array.isArray(value)) {
      // Keras 2: [layer, node, tensor, arguments].
      if (typeof value[0] === 'string' && typeof value[1] === 'number') {
        inputs.push(value[0]);
        if (isRecord(value[3])) constants.push(...Object.values(value[3]));
      } else if (value.every((each) => typeof each === 'number')) constants.push(value);
      else value.forEach(visit);
    } else if (value !== null && value !== undefined) constants.push(value);
  };
  const nodes = Array.isArray(layer['inbound_nodes']) ? (layer['inbound_nodes'] as unknown[]) : [];
  for (const node of nodes.slice(0, 1)) visit(node);
  return { inputs, constants, uses: nodes.length };
};

/** The names of a model's inputs. */
const startsOf = (config: unknown): string[] => {
  const list = isRecord(config) ? config['input_layers'] : undefined;
  if (!Array.isArray(list)) return [];
  const entries: unknown[] = typeof list[0] === 'string' ? [list] : list;
  return entries.flatMap((entry) => (Array.isArray(entry) && typeof entry[0] === 'string' ? [entry[0]] : []));
};

/** A layer of a graph with its input layers. */
type Fact = { readonly layer: Config; readonly name: string } & ReturnType<typeof inputsOf>;

/** A layer in a chain; `branch` if the chain ends because its value is used twice. */
interface Link {
  readonly layer: Config;
  readonly constants: readonly unknown[];
  readonly branch?: boolean;
}

/**
 * The stack of three selected channels with which preprocess_input of Keras 3 reverses the channel order;
 * undefined for other users.
 */
const stackOf = (
  users: readonly Fact[],
  facts: readonly Fact[],
): { stack: Fact; picked: number[] } | undefined => {
  if (users.length !== 3 || users.some(({ layer }) => layer['class_name'] !== 'GetItem')) return undefined;
  const [stack, ...others] = facts.filter(({ inputs }) => users.some(({ name }) => inputs.includes(name)));
  if (!stack || others.length > 0 || stack.layer['class_name'] !== 'Stack') return undefined;
  const picked = stack.inputs.map((name) => users.find((user) => user.name === name)?.constants.at(-1));
  return picked.every((n) => typeof n === 'number') ? { stack, picked } : undefined;
};

/** The layers in order of application, as far as they form a chain; the second user of a value ends it. */
const ordered = (className: string, config: unknown, layers: readonly Config[]): Link[] => {
  const isGraph = className !== 'Sequential' && layers.some((layer) => Array.isArray(layer['inbound_nodes']));
  if (!isGraph) return layers.map((layer) => ({ layer, constants: [] }));
  const facts: Fact[] = layers.map((layer) => ({ layer, name: nameOf(layer), ...inputsOf(layer) }));
  const starts = startsOf(config);
  const first =
    facts.find(({ name }) => starts.includes(name)) ?? facts.find(({ inputs }) => inputs.length === 0);
  const chain: Link[] = [];
  const seen = new Set<string>();
  for (let at = first, given = first?.constants ?? []; at;) {
    chain.push({ layer: at.layer, constants: given, ...(at.uses > 1 ? { branch: true } : {}) });
    seen.add(at.name);
    const { name } = at;
    const users = facts.filter(({ inputs }) => inputs.includes(name));
    const stacked = stackOf(users, facts);
    if (users.length > 1 && !stacked) {
      chain.push({ layer: users[1]!.layer, constants: [], branch: true });
      break;
    }
    const next: Fact | undefined = stacked?.stack ?? users[0];
    at = next && !seen.has(next.name) ? next : undefined;
    given = stacked?.picked ?? next?.constants ?? [];
  }
  return chain;
};

const MAX_DEPTH = 8;
/** The class name for a layer that uses a value a second time. */
export const BRANCH = 'Branch';

/** All layers of a model in order, with nested models expanded in place. */
export const layersOfModel = (path: string, model: unknown): KerasLayer[] => {
  const leaves: KerasLayer[] = [];
  const visit = (className: string, config: unknown, models: readonly string[], place: string): void => {
    const layers = layersIn(className, config) ?? [];
    if (models.length > MAX_DEPTH) throw expected(`models nested at most ${MAX_DEPTH} deep`, path, models);
    // Keras 3 numbers the layers of each class in the order of the list.
    const counts = new Map<string, number>();
    const places = new Map<Config, string>();
    for (const layer of layers) {
      const name = snakeCase(textOf(layer['class_name']) ?? '');
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      places.set(layer, `${place}layers/${name}${count > 0 ? `_${count}` : ''}`);
    }
    for (const { layer, constants, branch } of ordered(className, config, layers)) {
      const [kind, own] = [textOf(layer['class_name']) ?? '', layer['config']];
      const name = nameOf(layer);
      const inner = layersIn(kind, own);
      if (inner && !branch) visit(kind, own, [...models, name], `${places.get(layer)!}/`);
      else {
        const leaf = {
          name,
          className: branch ? BRANCH : kind,
          config: isRecord(own) ? own : {},
          models,
          constants,
        };
        leaves.push({ ...leaf, place: places.get(layer)! });
      }
    }
  };
  if (!isRecord(model)) throw expected('the configuration of a Keras model', path, model);
  const className = textOf(model['class_name']) ?? '';
  if (!layersIn(className, model['config'])) {
    throw expected(
      'a functional or sequential Keras model',
      path,
      className,
      'Its program builds the layers: they are not in the file.',
    );
  }
  visit(className, model['config'], [], '');
  return leaves;
};

/** The error for a file with a damaged configuration. */
export const parseConfig = (path: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `The configuration of the Keras model in ${path} is damaged: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
};
