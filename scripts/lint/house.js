// Lint rules for the house: which room may import which, no circle of imports (those of types count), and no flags of the
// command line in the library.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The source file that a relative specifier means, or undefined for packages and assets. */
const target = (file, specifier) => {
  if (!specifier.startsWith('.')) return undefined;
  const path = resolve(dirname(file), specifier).replace(/\.js$/, '.ts');
  return existsSync(path) ? path : undefined;
};

const slashed = (path) => relative(root, path).split(sep).join('/');
const isWithin = (path, folder) => path === folder || path.startsWith(`${folder}/`);

/** Every node of a file that names another module: import, export from, import(), type import(). */
const onSpecifiers = (visit) => ({
  ImportDeclaration: (node) => visit(node, node.source.value, node.importKind === 'type'),
  ExportNamedDeclaration: (node) => node.source && visit(node, node.source.value, node.exportKind === 'type'),
  ExportAllDeclaration: (node) => visit(node, node.source.value, node.exportKind === 'type'),
  ImportExpression: (node) => typeof node.source.value === 'string' && visit(node, node.source.value, false),
  TSImportType: (node) => visit(node, node.source?.value ?? node.argument?.literal?.value ?? '', true),
});

/**
 * Options: a table from folder to the folders and files it may import (`may`), and those of which it may import types only
 * (`types`). The longest folder that holds a file decides; a folder may always import itself.
 */
const rooms = {
  meta: { type: 'problem', schema: [{ type: 'object' }] },
  create(context) {
    const [table = {}] = context.options;
    const folders = Object.keys(table).sort((a, b) => b.length - a.length);
    const roomOf = (path) => folders.find((folder) => isWithin(path, folder));
    const file = slashed(context.filename);
    const room = roomOf(file);
    if (room === undefined) return {};
    const { may = [], types = [] } = table[room];
    return onSpecifiers((node, specifier, isType) => {
      const path = target(context.filename, specifier);
      if (path === undefined) return;
      const other = slashed(path);
      if (roomOf(other) === room || may.some((each) => isWithin(other, each))) return;
      if (isType && types.some((each) => isWithin(other, each))) return;
      const list = [...may, ...types.map((each) => `types of ${each}`)].join(', ') || 'nothing';
      context.report({ node, message: `${room} may import ${list}, but not ${other}.` });
    });
  },
};

const specifier = /(?:^|[^\w.])(?:from|import)\s*\(?\s*'(\.[^']+)'/gm;

/** Which files each file of `folders` imports, by its text. */
const importGraph = (folders) => {
  const graph = new Map();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const file = join(root, folder, name);
      const named = [...readFileSync(file, 'utf8').matchAll(specifier)].map(([, to]) => target(file, to));
      graph.set(file, new Set(named.filter((path) => path !== undefined)));
    }
  }
  return graph;
};

/** The shortest way along imports from one file to another, both included; undefined where there is none. */
const wayBetween = (graph, from, to) => {
  const cameFrom = new Map([[from, undefined]]);
  for (const file of cameFrom.keys()) {
    if (file === to) {
      const way = [];
      for (let at = file; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const next of graph.get(file) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, file);
  }
  return undefined;
};

let cachedGraph;

/** Option: the folders whose imports are followed. */
const noCircles = {
  meta: { type: 'problem', schema: [{ type: 'array', items: { type: 'string' } }] },
  create(context) {
    cachedGraph ??= importGraph(context.options[0] ?? []);
    return onSpecifiers((node, to) => {
      const path = target(context.filename, to);
      const way = path && wayBetween(cachedGraph, path, context.filename);
      if (way) context.report({ node, message: `Circle of imports: ${way.map(slashed).join(' → ')}.` });
    });
  },
};

const flag = /(?<!var\()(?<![\w-])--[a-z]/;

/** Refuses texts that write options as flags: `option('trainPerClass')` in a message, and the command line makes the flag. */
const noFlags = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const look = (node, text) => {
      const [found] = flag.exec(text) ? text.match(/--[a-z][a-z0-9-]*/) : [];
      if (found) context.report({ node, message: `Name the option with option('…') instead of ${found}.` });
    };
    return {
      Literal: (node) => typeof node.value === 'string' && look(node, node.value),
      TemplateElement: (node) => look(node, node.value.raw),
    };
  },
};

export default { rules: { rooms, 'no-circles': noCircles, 'no-flags': noFlags } };
