// Facts about the ONNX Runtime library.
import koffi from '../koffi.js';
import { P } from './functions.js';
import { type Pointer, check, loadLibrary } from './library.js';

/** Version, path and execution providers of the ONNX Runtime library. Throws VerydeepError when it cannot be loaded. */
export const describeLibrary = (): { version: string; path: string; providers: string[] } => {
  const library = loadLibrary();
  const list = new BigUint64Array(new ArrayBuffer(8));
  const count = new Int32Array(new ArrayBuffer(4));
  check(library, library.api.getAvailableProviders(list, count));
  const providers = Array.from({ length: count[0]! }, (_, i) =>
    koffi.decode.string(koffi.decode(list[0], 8 * i, P) as Pointer),
  );
  check(library, library.api.releaseAvailableProviders(list[0], count[0]));
  return { version: library.version, path: library.path, providers };
};
