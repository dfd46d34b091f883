// An option as the command line writes it: `trainPerClass` is `--train-per-class`.
import { type Message, VerydeepError, render } from '../errors.js';

/** The flag of an option. */
export const flagOf = (option: string): string =>
  `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A message, or an error's, with options written as flags. */
export const messageForCli = (message: Message | VerydeepError): string =>
  render(message instanceof VerydeepError ? message.pieces : message, flagOf);
