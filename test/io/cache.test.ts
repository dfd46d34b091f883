import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { cacheFolder } from '../../src/io/cache.js';

describe('cacheFolder', () => {
  /** The folder on a platform with an environment of its own; the home folder is that of this machine. */
  const folder = (platform: string, env: Readonly<Record<string, string>> = {}): string => {
    const names = ['VERYDEEP_CACHE', 'XDG_CACHE_HOME', 'LOCALAPPDATA'];
    const before = names.map((name) => process.env[name]);
    const own = Object.getOwnPropertyDescriptor(process, 'platform')!;
    try {
      for (const name of names) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, env);
      Object.defineProperty(process, 'platform', { ...own, value: platform });
      return cacheFolder();
    } finally {
      Object.defineProperty(process, 'platform', own);
      names.forEach((name, i) => {
        if (before[i] === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = before[i];
      });
    }
  };
  const home = homedir();

  it('is what VERYDEEP_CACHE says, made absolute', () => {
    for (const platform of ['linux', 'darwin', 'win32'])
      assert.equal(folder(platform, { VERYDEEP_CACHE: 'my/cache' }), resolve('my/cache'));
  });

  // The folders of version 0.1, so that what lies in them is still found.
  it('is the platform’s folder otherwise, where it always was', () => {
    assert.equal(folder('linux'), join(home, '.cache/verydeep'));
    assert.equal(folder('linux', { XDG_CACHE_HOME: '/x' }), '/x/verydeep');
    assert.equal(folder('linux', { XDG_CACHE_HOME: 'x' }), join(home, '.cache/verydeep'));
    assert.equal(folder('linux', { VERYDEEP_CACHE: '' }), join(home, '.cache/verydeep'));
    assert.equal(folder('darwin', { XDG_CACHE_HOME: '/x' }), join(home, 'Library/Caches/verydeep'));
    assert.equal(folder('win32', { LOCALAPPDATA: '/l' }), join('/l', 'verydeep', 'Cache'));
    assert.equal(folder('win32'), join(home, 'AppData', 'Local', 'verydeep', 'Cache'));
  });
});
