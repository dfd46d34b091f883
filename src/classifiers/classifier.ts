// The kinds of classifier on descriptors, and what each of them has for a parameter and for options.
import { UsageError, option, text } from '../errors.js';
import type { ClassifierName, SvmOptions } from './options.js';

/** The name of what is chosen on held-out images. */
export const parameterOf = (classifier: ClassifierName | undefined): 'C' | 'k' =>
  classifier === 'knn' ? 'k' : 'C';

/** Options that only some classifiers have. */
const owners: Readonly<Partial<Record<keyof SvmOptions, readonly ClassifierName[]>>> = {
  c: ['svm', 'logistic'],
  cGrid: ['svm', 'logistic'],
  loss: ['svm'],
  bias: ['svm'],
  classWeight: ['svm', 'logistic'],
  calibrate: ['svm'],
  neighbours: ['knn'],
  knnTemperature: ['knn'],
};

/** Advice beside an option that a classifier does not have. */
const advice: Readonly<Partial<Record<string, string>>> = {
  calibrate: 'Logistic regression and nearest neighbours give probabilities as they are.',
};

/**
 * Checks that the options are those of the classifier, and gives them with the parameter of any of them as `c`, or as
 * `cGrid` where several values are candidates.
 *
 * @throws UsageError naming an option that the classifier does not have
 */
export const withParameter = <T extends Partial<SvmOptions>>(options: T): T => {
  const { classifier = 'svm', neighbours } = options;
  for (const [name, own] of Object.entries(owners)) {
    const value = options[name as keyof SvmOptions];
    if (value === undefined || value === false || own.includes(classifier)) continue;
    throw new UsageError(
      text`${option(name)} is an option of ${own.join(' and ')}, but ${option('classifier')} is ${classifier}. ${advice[name] ?? 'Leave it out.'}`,
    );
  }
  if (classifier !== 'svm' && options.solver !== undefined && options.solver !== 'auto') {
    throw new UsageError(
      text`${option('solver')} ${options.solver} is for SVMs. Leave it out with ${option('classifier')} ${classifier}.`,
    );
  }
  if (!neighbours) return options;
  const { neighbours: ks, ...others } = options;
  return (ks!.length === 1 ? { ...others, c: ks![0] } : { ...others, cGrid: ks }) as T;
};
