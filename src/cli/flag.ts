// An option as the command line writes it: `trainPerClass` is `--train-per-class`.
import { type VerydeepError, render } from '../errors.js';

/** The flag of an option. */
export const flagOf = (option: string): string =>
  `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** An error's message with options written as flags. */
export const messageForCli = (error: VerydeepError): string => render(error.pieces, flagOf);
