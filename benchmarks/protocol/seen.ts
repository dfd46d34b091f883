// Whether the nets were trained on the test images: their files keep digests of what they saw.
import { existsSync } from 'node:fs';
import type { Seen } from '../../src/backbone/nets/seen.js';
import { uniteSeen } from '../../src/backbone/nets/seen.js';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { digestOf, falsePositives, hasDigest } from '../../src/backbone/nets/digests.js';
import type { Item } from '../../src/datasets/dataset.js';
import { UsageError, option, text } from '../../src/errors.js';
import type { NetIdentity } from '../../src/features/store/recipe.js';
import { ImageError } from '../../src/images/image.js';
import { readImageBytes } from '../../src/images/source.js';
import { sha256, sha256OfFile } from '../../src/io/files.js';
import type { OnProgress } from '../../src/progress.js';

/** What the nets of a run have seen, together. */
export interface SeenByNets {
  /** Whether every net says what it saw, some do, or none. */
  readonly known: 'all' | 'some' | 'none';
  readonly seen: Seen;
}

/** Test images that a net has seen. */
export interface SeenTest {
  /** Test images that trained a net. */
  readonly training: number;
  /** Others of them, that steered the schedule of its training. */
  readonly validation: number;
  /** Paths of the first of both. */
  readonly images: readonly string[];
}

/** What the document of a run says of it. */
export interface SeenResult {
  readonly known: SeenByNets['known'];
  /** Nets of others, by name: nothing tells what trained them. */
  readonly unknown?: readonly string[];
  /** Images by content that trained the nets. */
  readonly trainingImages: number;
  /** The probability that another image is taken for one of them. */
  readonly falsePositives: number;
}

/** The share of the test images above which a run is refused. */
const MOST = 0.01;
const MOST_NAMED = 20;

/**
 * What nets have seen.
 *
 * @param files each net's weight file; undefined where it is not known
 * @param hashes the SHA-256 that each file must have, where it is only known from a record; a file that is gone or has
 *   changed says nothing
 */
export const seenByNets = async (
  files: readonly (string | undefined)[],
  hashes?: readonly string[],
): Promise<SeenByNets> => {
  const nets: (Seen | undefined)[] = [];
  for (const [i, file] of files.entries()) {
    if (hashes === undefined && file !== undefined) {
      nets.push(await (await openBackbone(file, option('backbone'))).seen());
      continue;
    }
    const there = file !== undefined && existsSync(file);
    const same = there && (await sha256OfFile(file)) === hashes?.[i];
    nets.push(same ? await (await openBackbone(file)).seen() : undefined);
  }
  const said = nets.filter((seen) => seen !== undefined);
  const seen = uniteSeen(said);
  const whole = said.length === nets.length && !seen.incomplete;
  return { known: whole ? 'all' : said.length === 0 ? 'none' : 'some', seen };
};

/** The test images that the nets have seen, by the SHA-256 of their files. */
export const seenTest = (
  test: readonly Item[],
  { seen: { training, validation } }: SeenByNets,
  hashOf: (id: string) => string | undefined,
): SeenTest => {
  const digestsOf = (item: Item): number => {
    const hash = hashOf(item.id);
    return hash === undefined ? NaN : digestOf(hash);
  };
  const trained = test.filter((item) => hasDigest(training, digestsOf(item)));
  const among = new Set(trained);
  const steered = test.filter((item) => !among.has(item) && hasDigest(validation, digestsOf(item)));
  return {
    training: trained.length,
    validation: steered.length,
    images: [...trained, ...steered].slice(0, MOST_NAMED).map(({ path }) => path),
  };
};

/** What the document says of the nets. */
export const seenResult = (
  { known, seen }: SeenByNets,
  nets: readonly Pick<NetIdentity, 'config' | 'kind'>[] = [],
): SeenResult => ({
  known,
  ...(nets.some(({ kind }) => kind !== undefined) && {
    unknown: nets.filter(({ kind }) => kind !== undefined).map(({ config }) => config),
  }),
  trainingImages: seen.training.length,
  falsePositives: falsePositives(seen.training),
});

/**
 * Refuses to test nets on images that trained them.
 *
 * @throws UsageError where more than one in a hundred test images did
 */
export const refuseSeen = (name: string, test: number, { training, images }: SeenTest): void => {
  if (training <= MOST * test) return;
  throw new UsageError(
    text`Expected test images that the net was not trained on but ${training} of the ${test} of ${name} trained it (${images
      .slice(0, 3)
      .join(
        ', ',
      )}${training > 3 ? ', …' : ''}): their figures would say nothing of other images. Hold them out of the net's training, or add ${option('allowSeen')} to test on them all the same.`,
  );
};

/** Checksums of image files by id; those that cannot be read have none: extraction will say why. */
const hashesOf = async (items: readonly Item[], onProgress?: OnProgress): Promise<Map<string, string>> => {
  const hashes = new Map<string, string>();
  for (const [i, { id, source, path }] of items.entries()) {
    try {
      hashes.set(id, sha256(await readImageBytes(source, path)));
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
    }
    if (i % 256 === 0) onProgress?.({ task: 'compare', done: i, total: items.length, unit: 'images' });
  }
  return hashes;
};

/** Refuses nets that were trained on test images before hours of extraction; the same is done again on descriptors. */
export const refuseSeenEarly = async (
  splits: readonly { readonly name: string; readonly test: readonly Item[] }[],
  nets: SeenByNets,
  onProgress?: OnProgress,
): Promise<void> => {
  if (nets.seen.training.length === 0) return;
  const tested = [...new Map(splits.flatMap(({ test }) => test).map((item) => [item.id, item])).values()];
  const hashes = await hashesOf(tested, onProgress);
  for (const { name, test } of splits) {
    refuseSeen(
      name,
      test.length,
      seenTest(test, nets, (id) => hashes.get(id)),
    );
  }
};

/** How many test images the nets have seen, in a sentence. */
export const seenText = (
  { known, unknown = [] }: Pick<SeenResult, 'known' | 'unknown'>,
  splits: readonly { readonly test: number; readonly seen?: SeenTest | undefined }[],
): string => {
  if (known === 'none') {
    if (unknown.length > 0) {
      return `Contamination unknown: nothing tells which images trained ${unknown.join(' & ')}, and test images may be among them.`;
    }
    return 'Which images trained the net is not known (it was imported, made by version 0.1, or its file is gone): test images may be among them.';
  }
  const total = splits.reduce((sum, { test }) => sum + test, 0);
  const sum = (part: 'training' | 'validation'): number =>
    splits.reduce((count, { seen }) => count + (seen?.[part] ?? 0), 0);
  const over = splits.length > 1 ? ` (${splits.length} splits)` : '';
  const steered = sum('validation');
  return (
    `${sum('training')} of ${total} test images${over} trained the net` +
    `${steered > 0 ? `, and ${steered} more steered its schedule` : ''}; compared by content, so that re-encoded copies are missed.` +
    (known === 'some' ? ' Not all of the nets, or of those they started from, say what they saw.' : '')
  );
};
