// Output of all commands: JSON or text on standard output, progress on standard error, exit codes.
import type { Message } from '../errors.js';
import type { Dataset } from '../datasets/dataset.js';
import { noticesOf } from '../datasets/remarks.js';
import { messageForCli } from './flag.js';
import { progressBar as barOn } from '../progress-bar.js';
import type { OnProgress, Skipped } from '../progress.js';

/** Exit codes of the command line. */
export const exitCodes = { done: 0, failed: 1, usage: 2, skipped: 3, interrupted: 130 } as const;

/** The flags that decide what is printed. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const bar = barOn(process.stderr);

/** Prints text and ends the line; a bar on the screen makes way. */
const print = (stream: NodeJS.WriteStream, text: string): void => {
  bar.wipe();
  stream.write(`${text}\n`);
};

/** A progress bar for each task on standard error. Call `stop` before printing results. */
export const progressBar = ({ quiet }: OutputOptions): { onProgress: OnProgress; stop: () => void } =>
  quiet ? { onProgress: () => undefined, stop: () => undefined } : bar;

/** Prints text on standard output, or on standard error with `--json`. */
export const say = (options: OutputOptions, text: string): void => {
  print(options.json ? process.stderr : process.stdout, text);
};

/**
 * Indented JSON. A Map becomes an object with its keys in order; a plain object would move integer keys to
 * the front.
 */
export const jsonOf = (value: unknown, indent = ''): string => {
  const inner = `${indent}  `;
  const block = (parts: readonly string[], open: string, close: string): string =>
    parts.length === 0
      ? open + close
      : `${open}\n${parts.map((part) => inner + part).join(',\n')}\n${indent}${close}`;
  if (Array.isArray(value)) {
    return block(
      value.map((one) => jsonOf(one ?? null, inner)),
      '[',
      ']',
    );
  }
  const isPlain = typeof value === 'object' && value !== null && !('toJSON' in value);
  if (!isPlain) return JSON.stringify(value);
  const entries = value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value);
  return block(
    entries
      .filter(([, one]) => one !== undefined)
      .map(([key, one]) => `${JSON.stringify(key)}: ${jsonOf(one, inner)}`),
    '{',
    '}',
  );
};

/** Prints the one JSON document of `--json`. */
export const sayJson = (document: unknown): void => {
  print(process.stdout, jsonOf(document));
};

/** Prints a remark on standard error, unless `--quiet`. */
export const note = (options: OutputOptions, text: Message): void => {
  if (!options.quiet) print(process.stderr, messageForCli(text));
};

/** Prints a data set's notes on standard error, unless `--quiet`. */
export const noteDataset = (
  options: OutputOptions,
  dataset: Pick<Dataset, 'strays' | 'remarks' | 'unlabelled'>,
): void => {
  for (const notice of noticesOf(dataset)) note(options, notice);
};

const SHOWN_SKIPPED = 20;

/** If images were skipped, lists them with their reasons on standard error and sets exit code 3. */
export const reportSkipped = (skipped: readonly Skipped[]): void => {
  if (skipped.length === 0) return;
  print(process.stderr, `Skipped ${skipped.length} image${skipped.length === 1 ? '' : 's'}:`);
  for (const { path, reason } of skipped.slice(0, SHOWN_SKIPPED))
    print(process.stderr, `  ${path}: ${reason}`);
  if (skipped.length > SHOWN_SKIPPED) {
    print(process.stderr, `  … and ${skipped.length - SHOWN_SKIPPED} more, all listed in the results.`);
  }
  process.exitCode = exitCodes.skipped;
};
