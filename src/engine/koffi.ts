// The package koffi, which calls libraries written in C. Its binary is a package of its own for each platform: where npm left
// that out, or node_modules was copied from another machine, the error says what to run.
import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { VerydeepError, messageOf } from '../errors.js';
import { reinstall } from './reinstall.js';

/**
 * Loads a package that has a binary for each platform.
 *
 * @throws VerydeepError that says what to run, if it cannot be loaded
 */
export const loadBinary = (name: string, load: (name: string) => unknown): unknown => {
  try {
    return load(name);
  } catch (error) {
    const [reason] = messageOf(error).split(/[;\n]/, 1);
    throw new VerydeepError(
      `Cannot load ${name}, through which ONNX Runtime is called, for ${process.platform} on ${process.arch}: ${reason}. To mend this, ${reinstall()}.`,
    );
  }
};

export default loadBinary('koffi', createRequire(import.meta.url)) as typeof Koffi;
