// Result files of a VOC benchmark, in the folders that the server expects, and packed for it.
import { createGzip } from 'node:zlib';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pack } from 'tar-stream';
import { type Scored, resultFile } from '../../src/evaluation/voc-results.js';
import { writeFileAtomically } from '../../src/io/files.js';
import type { OfficialSplits } from './benchmark.js';
import { columnOf, imageOf } from './official.js';
import type { SplitOutcome } from './outcome.js';

/** Path and text of one class's file. */
interface ServerFile {
  readonly path: string;
  readonly text: string;
}

/** The files of one split, a file a class, a line a test image or person. */
export const serverFiles = (
  { name: split, classes, test, scores }: SplitOutcome,
  { folder, competition }: NonNullable<OfficialSplits['server']>,
): ServerFile[] =>
  classes.map((name, c) => {
    const column = columnOf(scores, c);
    const lines = test.map((item, row): Scored => {
      const [, object] = /#(\d+)$/.exec(item.id) ?? [];
      return {
        id: imageOf(item),
        score: column[row]!,
        ...(object === undefined ? {} : { object: Number(object) }),
      };
    });
    return { path: `${folder}/${competition}_${split}_${name}.txt`, text: resultFile(lines) };
  });

/** A `.tar.gz` of the files; the same files give the same bytes. */
export const packed = async (files: readonly ServerFile[]): Promise<Buffer> => {
  const archive = pack();
  for (const { path, text } of files) archive.entry({ name: path, mtime: new Date(0), mode: 0o644 }, text);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.pipe(createGzip({ level: 9 }))) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Writes files under `out`; those of the split "test" are packed beside. Returns the paths relative to `out`. */
export const writeServerFiles = async (
  out: string,
  benchmark: string,
  outcomes: readonly SplitOutcome[],
  server: NonNullable<OfficialSplits['server']>,
): Promise<{ files: string[]; archives: string[] }> => {
  const files: string[] = [];
  const archives: string[] = [];
  for (const outcome of outcomes) {
    const made = serverFiles(outcome, server);
    for (const { path, text } of made) {
      await mkdir(dirname(join(out, path)), { recursive: true });
      await writeFileAtomically(join(out, path), text);
      files.push(path);
    }
    if (outcome.name !== 'test') continue;
    const archive = `${benchmark}-results.tar.gz`;
    await writeFileAtomically(join(out, archive), await packed(made));
    archives.push(archive);
  }
  return { files, archives };
};
