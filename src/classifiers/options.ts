// Options of the linear SVMs: C and its choice, loss, bias, class weights, probabilities, solver.
import { expected, option, text } from '../errors.js';
import { type Kind, type OptionTable, type OptionsOf, kinds } from '../options.js';

const losses = ['hinge', 'squared-hinge'] as const;
const biases = ['augmented', 'unregularised'] as const;
const classifiers = ['svm', 'logistic', 'knn'] as const;
const solvers = ['auto', 'dual', 'primal', 'newton', 'libsvm'] as const;

/** `hinge`: max(0, 1 - y f), LIBSVM's; `squared-hinge`: its square, LIBLINEAR's default. */
export type Loss = (typeof losses)[number];

/** `augmented`: the bias is the weight of one more constant input, as in LIBLINEAR; `unregularised`: as in LIBSVM. */
export type Bias = (typeof biases)[number];

/** Linear SVMs, logistic regression, or weighted k nearest neighbours. */
export type ClassifierName = (typeof classifiers)[number];

/** The solvers; `auto` is `dual` if the Gram matrix fits in memory, else `newton` for the squared hinge, else `primal`. */
export type SolverName = (typeof solvers)[number];

/**
 * Factors of C for each side: numbers, or `balanced` (rows / (2 · rows of that side), as in scikit-learn).
 */
export type ClassWeight = 'balanced' | { readonly positive: number; readonly negative: number };

const factor = kinds.number({ above: 0 });

/**
 * `balanced`, a factor for the positives (`3`, LIBLINEAR's -w1), or for positives and negatives (`3:0.5`).
 */
const classWeight: Kind<ClassWeight> = {
  value: 'weights',
  what: 'balanced, a number, or two as in 3:0.5',
  parse: (given) => {
    if (given === 'balanced') return given;
    const parts = given.split(':');
    if (parts.length > 2) return undefined;
    const [positive, negative = 1] = parts.map((part) => {
      const value = factor.parse(part);
      if (value === undefined) throw expected(factor.what, option('classWeight'), part);
      return value;
    });
    return { positive: positive!, negative };
  },
  holds: (given) => {
    if (given === 'balanced') return true;
    if (typeof given !== 'object' || given === null) return false;
    const { positive, negative } = given as Record<string, unknown>;
    return factor.holds(positive) && factor.holds(negative);
  },
};

export const svmOptions = {
  classifier: {
    kind: kinds.choice(classifiers),
    help: 'linear SVMs, logistic regression, or weighted k nearest neighbours',
    otherwise: 'svm',
    paper: 'svm',
  },
  neighbours: {
    kind: kinds.list(kinds.whole()),
    help: 'knn: number of neighbours; of several, the best is chosen as C is',
    otherwise: 'the best of 1, 2, 5, 10, 20, 50, 100, 200',
  },
  knnTemperature: {
    kind: kinds.number({ above: 0 }),
    help: 'knn: a neighbour votes with exp(cosine / temperature)',
    otherwise: '0.07',
  },
  c: {
    kind: kinds.number({ above: 0, value: 'value' }),
    help: 'regularisation parameter C of the SVMs, or of logistic regression',
    otherwise: 'chosen on held-out training images',
    paper: 'chosen on the validation set',
  },
  cGrid: {
    kind: kinds.list(kinds.number({ above: 0 })),
    help: 'candidate values of C, e.g. 0.1,1,10; the grid is not widened',
  },
  loss: { kind: kinds.choice(losses), help: 'loss of the SVMs', otherwise: 'hinge' },
  cPerClass: {
    kind: kinds.flag(),
    help: 'choose C for each class separately instead of one C for all',
  },
  cFolds: {
    kind: kinds.whole({ from: 2 }),
    help: 'choose C by n-fold cross-validation on the training images instead of one held-out part',
    otherwise: 'folder and csv: 5 if a class has fewer than 50 training images',
  },
  bias: {
    kind: kinds.choice(biases, 'kind'),
    help: 'bias of the SVMs',
    otherwise: 'augmented',
  },
  classWeight: {
    kind: classWeight,
    help: "factor of C for the positives (LIBLINEAR's -w1), for both as 3:0.5, or balanced",
    otherwise: '1',
  },
  calibrate: {
    kind: kinds.flag(),
    help: text`fit probabilities on held-out folds, for \`verydeep predict\`; with ${option('saveModels')}`,
  },
  solver: { kind: kinds.choice(solvers), help: 'SVM solver', default: 'auto' },
} as const satisfies OptionTable;

/** The SVMs' options; all are optional. */
export type SvmOptions = Partial<OptionsOf<typeof svmOptions>>;
