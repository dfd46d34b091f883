// The demo's choice of images: disjoint concepts, no skin tones, one version of a family, no picture on both sides.
import assert from 'node:assert/strict';
import { artistNamed } from '../../../benchmarks/demo/artists.js';
import { hasSkinTone, readConcepts } from '../../../benchmarks/demo/concepts.js';
import { type Drawing, readDrawings } from '../../../benchmarks/demo/drawings.js';
import {
  type Placed,
  byConcept,
  firstVersions,
  groups,
  select,
  sizes,
} from '../../../benchmarks/demo/selection.js';
import { sha256 } from '../../../src/io/files.js';

/** How many images lie in each folder at that depth. */
const count = (images: readonly Placed[], depth: number): Map<string, number> => {
  const folders = new Map<string, number>();
  for (const { path } of images)
    folders.set(folderOf(path, depth), (folders.get(folderOf(path, depth)) ?? 0) + 1);
  return folders;
};

const folderOf = (path: string, depth: number): string => path.split('/').slice(0, depth).join('/');

describe('benchmarks/demo selection', () => {
  let drawings: Drawing[];
  let placed: Placed[];
  const of = (set: string): Placed[] => placed.filter(({ path }) => path.startsWith(`${set}/`));
  const isTransfer = ({ path }: Placed): boolean => path.startsWith('transfer');

  before(async function () {
    this.timeout(30_000);
    drawings = await readDrawings(await readConcepts());
    placed = select(drawings, 1);
  });

  it('pre-trains and transfers on disjoint groups, subgroups, concepts and code points', () => {
    for (const key of ['group', 'subgroup', 'code', 'name'] as const) {
      const seen = new Set(of('pretrain').map(({ drawing }) => drawing.concept[key]));
      const shared = placed.filter((image) => isTransfer(image) && seen.has(image.drawing.concept[key]));
      assert.deepEqual(
        shared.map(({ path }) => path),
        [],
        key,
      );
    }
    const transfer: readonly string[] = groups.transfer;
    assert.deepEqual(
      groups.pretrain.filter((group) => transfer.includes(group)),
      [],
    );
  });

  it('draws no picture of the transfer sets that the net was trained on', () => {
    const picture = ({ drawing }: Placed): string => sha256(drawing.body.replace(/\s+/g, ''));
    const seen = new Set(of('pretrain').map(picture));
    assert.deepEqual(
      placed.filter((image) => isTransfer(image) && seen.has(picture(image))).map(({ path }) => path),
      [],
    );
  });

  it('leaves skin tones out', () => {
    assert.ok(hasSkinTone('1f44b-1f3fb') && hasSkinTone('1f9d1-1f3ff-1f91d') && !hasSkinTone('1f3fa'));
    for (const { drawing, path } of placed) {
      assert.ok(!hasSkinTone(drawing.concept.code), path);
      assert.doesNotMatch(path, /skin-tone/);
    }
  });

  it('keeps versions by one artist on one side of every split', () => {
    const both = new Set(drawings.filter(({ artist }) => artist === 'noto-v1').map((d) => d.concept));
    const concept = drawings.find((d) => d.artist === 'noto' && both.has(d.concept))!.concept;
    const first = firstVersions(byConcept(drawings).get(concept)!).map(({ artist }) => artist);
    assert.ok(first.includes('noto') && !first.includes('noto-v1'));

    const family = ({ drawing }: Placed): string =>
      `${drawing.concept.code} ${artistNamed(drawing.artist).family}`;
    for (const set of ['transfer-concepts', 'transfer-subgroups', 'pretrain/val'])
      assert.equal(new Set(of(set).map(family)).size, of(set).length, set);
    const validating = new Set(of('pretrain/val').map(family));
    assert.deepEqual(
      of('pretrain/train').filter((image) => validating.has(family(image))),
      [],
    );
    const versions = of('pretrain/train').filter(({ drawing }) => drawing.artist === 'noto-v1');
    assert.ok(versions.length > 500, 'the second versions are there to learn from');
  });

  it('has the sizes it says', () => {
    const concepts = count(of('transfer-concepts'), 2);
    assert.equal(concepts.size, sizes.concepts);
    assert.deepEqual([...new Set(concepts.values())], [sizes.artistsOfConcept]);
    const subgroups = of('transfer-subgroups');
    assert.equal(count(subgroups, 2).size, sizes.subgroups);
    assert.equal(count(subgroups, 3).size, sizes.subgroups * sizes.conceptsOfSubgroup);
    for (const [folder, images] of [...count(subgroups, 3)])
      assert.ok(images >= sizes.artistsOfSubgroup, folder);
    for (const [folder, images] of count(of('pretrain/train'), 4))
      assert.ok(images >= sizes.artistsOfPretrain, folder);
    assert.ok(of('pretrain/train').length > 5000);
    assert.equal(of('pretrain/val').length, sizes.validation);
  });

  it('is the same for the same seed and another for another', () => {
    const paths = (images: Placed[]): string[] => images.map(({ path }) => path);
    assert.deepEqual(paths(select(drawings, 1)), paths(placed));
    assert.notDeepEqual(paths(select(drawings, 2)), paths(placed));
    assert.equal(new Set(paths(placed)).size, placed.length);
  });
});
