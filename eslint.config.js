// Lint rules: typescript-eslint's strict set, and the table of which room of the house may import which.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const rooms = ['datasets', 'images', 'engine', 'evaluation', 'backbone', 'features', 'classifiers', 'cli'];

/** What each room may import besides the shared files of src; `typesOf` lists rooms of which it may import types only. */
const mayImport = {
  datasets: { rooms: [] },
  images: { rooms: [] },
  engine: { rooms: [] },
  evaluation: { rooms: [] },
  backbone: { rooms: ['engine', 'images', 'evaluation'], typesOf: ['datasets'] },
  features: { rooms: ['backbone', 'engine', 'images'], typesOf: ['datasets'] },
  classifiers: { rooms: ['engine', 'evaluation', 'features'] },
  cli: { rooms: rooms, benchmarks: true },
};

/** The rule for the files of one room: relative imports of any other room are refused. */
const roomRule = (room) => {
  const { rooms: allowed, typesOf = [], benchmarks = false } = mayImport[room];
  const refused = rooms.filter(
    (other) => other !== room && !allowed.includes(other) && !typesOf.includes(other),
  );
  const patterns = [
    ...refused.map((other) => ({
      regex: `^(\\.\\./)+${other}/`,
      message: `src/${room} may not import src/${other}.`,
    })),
    ...typesOf.map((other) => ({
      regex: `^(\\.\\./)+${other}/`,
      allowTypeImports: true,
      message: `src/${room} may import types of src/${other} only.`,
    })),
    { regex: '(^|/)ort/', message: 'Only src/engine/ort.ts may import src/engine/ort/.' },
    {
      regex: benchmarks ? '^(\\.\\./)+benchmarks/speed/' : '^(\\.\\./)+benchmarks/',
      message: `src/${room} may not import ${benchmarks ? 'benchmarks/speed' : 'benchmarks'}.`,
    },
  ];
  return {
    files: [`src/${room}/**/*.ts`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
};

export default tseslint.config(
  {
    ignores: [
      'dist',
      'coverage',
      'runs',
      'node_modules',
      '.cache',
      'src/classifiers/solver/assembly',
      'src/engine/backend/loops/assembly',
      'src/images/enlarge/assembly',
    ],
  },
  js.configs.recommended,
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
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['src/*.ts'],
    ignores: ['src/index.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^\\./.+/', message: 'Shared files of src import no room.' }] },
      ],
    },
  },
  ...rooms.map(roomRule),
  { files: ['src/engine/ort.ts'], rules: { '@typescript-eslint/no-restricted-imports': 'off' } },
  {
    files: ['benchmarks/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ regex: '/src/cli/', message: 'Benchmarks may not import src/cli.' }] },
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
