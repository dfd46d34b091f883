// The table of published weights: names are unique, places are https, checksums have the right length.
import { equal, match, ok, throws } from 'node:assert/strict';
import { publishedWeights, publishedWeightsNamed } from '../../../src/backbone/weights/published.js';

const digits = { md5: 32, sha1: 40, sha256: 64 } as const;

describe('published weights', () => {
  it('has unique names and file names', () => {
    equal(new Set(publishedWeights.map(({ name }) => name)).size, publishedWeights.length);
    equal(new Set(publishedWeights.map(({ file }) => file)).size, publishedWeights.length);
  });

  it('has https addresses and whole checksums, or the digits that torchvision puts into names', () => {
    for (const { name, urls, checksum = {}, file } of publishedWeights) {
      for (const url of urls) match(url, /^https:\/\//, name);
      for (const [algorithm, hex] of Object.entries(checksum)) {
        match(String(hex), /^[0-9a-f]+$/, name);
        const length = digits[algorithm as keyof typeof digits];
        ok(String(hex).length === length || file.includes(String(hex)), name);
      }
    }
  });

  it('holds the nets of the paper, and refuses an unknown name with the known ones', () => {
    equal(publishedWeightsNamed('vgg16-oxford').config, 'D');
    equal(publishedWeightsNamed('vgg19-oxford').input.order, 'bgr');
    throws(() => publishedWeightsNamed('vgg99'), /received "vgg99".*vgg16-oxford/);
  });
});
