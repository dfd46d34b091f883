import assert from 'node:assert/strict';
import { atClassLevel, groupAt } from '../../../benchmarks/protocol/levels.js';

const item = (id: string) => ({
  id,
  path: id,
  source: { file: id },
  labels: [id.split('/').slice(0, -1).join('/')],
});

describe('levels', () => {
  const items = ['animals/cat/1.png', 'animals/dog/1.png', 'food/pie/red/2.png'].map(item);

  it('makes the first folders the class', () => {
    assert.deepEqual(
      atClassLevel(items, 1).map(({ labels }) => labels[0]),
      ['animals', 'animals', 'food'],
    );
    assert.throws(() => atClassLevel(items, 3), /classLevel 3 but found animals\/cat\/1.png/);
  });

  it('groups by folders of the class that the data set gave', () => {
    const groupOf = groupAt({ name: 'folder', splits: { all: items } }, 2);
    assert.deepEqual(atClassLevel(items, 1).map(groupOf), ['animals/cat', 'animals/dog', 'food/pie']);
  });
});
