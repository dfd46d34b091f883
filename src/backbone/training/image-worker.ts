// A worker thread of the input pipeline: decodes and scales images, and crops them into a shared batch.
import { type MessagePort, parentPort } from 'node:worker_threads';
import { messageOf } from '../../errors.js';
import { decode } from '../../images/decode.js';
import { ImageError, type RgbImage } from '../../images/image.js';
import type { Interpolation } from '../../interpolation.js';
import { resizeSmallestSide } from '../../images/resize.js';
import { type ByteSource, readImageBytes } from '../../images/source.js';
import { sha256 } from '../../io/files.js';
import { digestOf } from '../nets/digests.js';
import { type Draw, cropInto } from './augmentation.js';
import type { InputNormalisation } from '../nets/backbone.js';

/** An image to prepare as row `row` of the batch. */
export interface ImageTask {
  readonly row: number;
  readonly source: ByteSource;
  readonly path: string;
  readonly draw: Draw;
  /** Send the scaled pixels back too. */
  readonly keep: boolean;
  /** Send the digest of its bytes back. */
  readonly digest: boolean;
}

export interface Job {
  readonly id: number;
  readonly tasks: readonly ImageTask[];
  readonly kernel: Interpolation;
  readonly crop: number;
  /** Where the crops go; without it only pixels are sent back. */
  readonly batch?: { readonly memory: SharedArrayBuffer; readonly input: InputNormalisation } | undefined;
}

/** What became of a task: the pixels if they were to be kept, the reason if the image cannot be used. */
export interface TaskResult {
  readonly row: number;
  readonly pixels?: RgbImage;
  readonly digest?: number;
  readonly reason?: string;
}

export interface Answer {
  readonly id: number;
  readonly results?: readonly TaskResult[];
  /** A failure that is not an image's. */
  readonly error?: string;
}

const prepare = async ({ kernel, crop, batch }: Job, task: ImageTask): Promise<TaskResult> => {
  const { row, source, path, draw, keep } = task;
  try {
    const bytes = await readImageBytes(source, path);
    const image = await resizeSmallestSide(await decode(bytes, path), draw.side, kernel, path);
    if (batch)
      cropInto(new Float32Array(batch.memory), row * crop * crop * 3, image, crop, draw, batch.input);
    return {
      row,
      ...(keep && { pixels: { ...image, data: new Uint8Array(image.data) } }),
      ...(task.digest && { digest: digestOf(sha256(bytes)) }),
    };
  } catch (error) {
    if (error instanceof ImageError) return { row, reason: error.reason };
    throw error;
  }
};

const serve = (port: MessagePort): void => {
  port.on('message', (job: Job) => {
    const work = async (): Promise<Answer> => {
      const results: TaskResult[] = [];
      for (const task of job.tasks) results.push(await prepare(job, task));
      return { id: job.id, results };
    };
    work()
      .catch((error: unknown): Answer => ({ id: job.id, error: messageOf(error) }))
      .then(
        (answer) => {
          const moved = (answer.results ?? []).flatMap(({ pixels }) =>
            pixels ? [pixels.data.buffer as ArrayBuffer] : [],
          );
          port.postMessage(answer, moved);
        },
        () => undefined,
      );
  });
};

if (parentPort) serve(parentPort);
