// Names that mark a pickle as malicious: no weight file needs to run programs or open files.

/** Modules through which a pickle could run a program or access files, including their submodules. */
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
/** The same without submodules, because a user's own package may have such a name. */
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

/** Whether a Python name, by its module, could run a program or access files. */
export const isForbidden = (module: string, name: string): boolean =>
  forbiddenModules.has(module.split('.')[0]!) ||
  forbiddenExactly.has(module) ||
  (/^(builtins|__builtin__|io|_io)$/.test(module) && forbiddenBuiltins.has(name.split('.')[0]!)) ||
  (module === 'torch' && /^(load|hub|jit)(\.|$)/.test(name));
