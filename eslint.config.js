// Lint rules: typescript-eslint's strict set, the table of which room of the house may import which, and no circles.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import house from './scripts/lint/house.js';

/** Shared by all rooms; these files import no room themselves. */
const shared = [
  ...[
    'checks',
    'control-groups',
    'cores',
    'errors',
    'interpolation',
    'matrix',
    'memory',
    'options',
    'progress',
    'random',
    'shape',
    'stored',
    'version',
    'webassembly',
  ].map((name) => `src/${name}.ts`),
  'src/threads',
];
const bytes = [...shared, 'src/io', 'src/formats'];
const nets = ['src/backbone/nets', 'src/engine'];
const rooms = [
  ...['src/datasets', 'src/images', 'src/engine', 'src/evaluation'],
  ...['src/backbone', 'src/features', 'src/classifiers'],
];

/** What each room may import; `types` may be imported as types only. */
const mayImport = {
  'src/threads': { may: shared },
  'src/io': { may: shared },
  'src/formats': { may: [...shared, 'src/io'] },
  'src/datasets': { may: bytes },
  'src/images': { may: bytes },
  'src/engine': { may: bytes },
  'src/evaluation': { may: bytes },
  'src/backbone/nets': { may: [...bytes, 'src/engine'] },
  'src/backbone/weights': { may: [...bytes, 'src/backbone/nets'] },
  'src/backbone/boxes': { may: [...bytes, ...nets, 'src/images'], types: ['src/datasets'] },
  'src/backbone/training': {
    may: [...bytes, ...nets, 'src/backbone/boxes', 'src/images', 'src/evaluation'],
    types: ['src/datasets'],
  },
  'src/backbone/int8': { may: [...bytes, ...nets, 'src/images'] },
  'src/features': { may: [...bytes, 'src/backbone', 'src/engine', 'src/images'], types: ['src/datasets'] },
  'src/classifiers': { may: [...bytes, 'src/engine', 'src/evaluation', 'src/features/store'] },
  'src/cli': {
    may: [...bytes, ...rooms, 'src/export-model.ts', 'src/predict.ts', 'src/progress-bar.ts', 'benchmarks'],
  },
  // What users import: the public surface, and the files that join rooms for it.
  ...Object.fromEntries(
    ['index', 'classifiers', 'export-model', 'images', 'linear-svm', 'metrics', 'predict', 'tfjs'].map(
      (name) => [
        `src/${name}.ts`,
        { may: [...bytes, ...rooms, 'src/linear-svm.ts', 'src/predict.ts', 'benchmarks'] },
      ],
    ),
  ),
  src: { may: shared },
  benchmarks: { may: [...bytes, ...rooms] },
  'benchmarks/speed': { may: [...bytes, ...rooms, 'benchmarks'] },
  'benchmarks/demo': { may: [...bytes, ...rooms, 'src/progress-bar.ts', 'benchmarks'] },
};

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'runs', 'node_modules', '.cache', 'src/**/assembly'] },
  js.configs.recommended,
  { plugins: { house } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      'house/rooms': ['error', mayImport],
      'house/no-circles': ['error', ['src', 'benchmarks']],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    // Only the command line writes options as flags, and programs that run its commands. A style sheet has properties that look like them.
    files: ['src/**/*.ts', 'benchmarks/**/*.ts'],
    ignores: [
      ...['src/cli/**', 'benchmarks/{claims,demo,speed}/**', 'benchmarks/arguments.ts'],
      ...['src/evaluation/report/style.ts', 'src/**/assembly/**'],
    ],
    rules: { 'house/no-flags': 'error' },
  },
  {
    // What lies behind the one facade of ONNX Runtime's C API.
    files: ['src/**/*.ts', 'benchmarks/**/*.ts'],
    ignores: ['src/engine/ort.ts', 'src/engine/ort/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ regex: '(^|/)ort/', message: 'Only src/engine/ort.ts may import src/engine/ort/.' }] },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
      // Tests look at the backend behind tfjs's interface, and hand other libraries' methods on.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
