// A hook of Node's module loader that reads modules one by one, so that one file is open at a time.
import { readFileSync } from 'node:fs';
import type { LoadHook } from 'node:module';

export const load: LoadHook = (url, context, next) =>
  context.format === 'module' && url.startsWith('file:')
    ? { format: 'module', shortCircuit: true, source: readFileSync(new URL(url)) }
    : next(url, context);
