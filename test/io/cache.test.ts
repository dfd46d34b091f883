// The cache folder on each platform.
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { cacheFolder } from '../../src/io/cache.js';

describe('cacheFolder', () => {
  it('is what VERYDEEP_CACHE says, made absolute', () => {
    const env = { VERYDEEP_CACHE: 'my/cache', XDG_CACHE_HOME: '/x' };
    assert.equal(cacheFolder({ env, platform: 'linux', home: '/h' }), resolve('my/cache'));
  });

  it('follows the platform', () => {
    const home = '/h';
    assert.equal(cacheFolder({ env: {}, platform: 'linux', home }), '/h/.cache/verydeep');
    assert.equal(cacheFolder({ env: { XDG_CACHE_HOME: '/x' }, platform: 'linux', home }), '/x/verydeep');
    assert.equal(
      cacheFolder({ env: { XDG_CACHE_HOME: 'x' }, platform: 'linux', home }),
      '/h/.cache/verydeep',
    );
    assert.equal(
      cacheFolder({ env: { VERYDEEP_CACHE: '' }, platform: 'darwin', home }),
      '/h/Library/Caches/verydeep',
    );
    assert.equal(
      cacheFolder({ env: { LOCALAPPDATA: '/l' }, platform: 'win32', home }),
      join('/l', 'verydeep', 'Cache'),
    );
    assert.equal(
      cacheFolder({ env: {}, platform: 'win32', home }),
      join('/h', 'AppData', 'Local', 'verydeep', 'Cache'),
    );
  });
});
