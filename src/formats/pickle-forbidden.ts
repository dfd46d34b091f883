// Names in a pickle that mean harm: no weight file needs what runs programs or opens files.

/** Modules through which a pickle could run a program or reach files, with all that lies below them. */
const forbiddenModules = new Set([
  ...[
    'os',
    'posix',
    'nt',
    'posixpath',
    'ntpath',
    'sys',
    'subprocess',
    'pty',
    'shutil',
    'runpy',
    'importlib',
    'ctypes',
  ],
  ...[
    'socket',
    'webbrowser',
    'pickle',
    '_pickle',
    'marshal',
    'urllib',
    'ftplib',
    'smtplib',
    'requests',
    'zipimport',
  ],
]);
/** The same; a user's own package may have such a name, so that only the module itself counts. */
const forbiddenExactly = new Set([
  ...[
    'code',
    'codeop',
    'imp',
    'pdb',
    'bdb',
    'timeit',
    'profile',
    'cProfile',
    'trace',
    'platform',
    'commands',
  ],
  ...[
    'popen2',
    'pip',
    'torch.hub',
    'torch.package',
    'torch.serialization',
    'torch.jit',
    'torch.utils.cpp_extension',
  ],
]);
const forbiddenBuiltins = new Set([
  ...[
    'eval',
    'exec',
    'execfile',
    'compile',
    'open',
    'file',
    '__import__',
    'input',
    'raw_input',
    'breakpoint',
  ],
  ...['apply', 'reload', 'globals', 'locals', 'vars', 'setattr', 'delattr'],
]);

/** Whether a name of Python's, by its module, could run a program or reach files. */
export const isForbidden = (module: string, name: string): boolean =>
  forbiddenModules.has(module.split('.')[0]!) ||
  forbiddenExactly.has(module) ||
  (/^(builtins|__builtin__|io|_io)$/.test(module) && forbiddenBuiltins.has(name.split('.')[0]!)) ||
  (module === 'torch' && /^(load|hub|jit)(\.|$)/.test(name));
