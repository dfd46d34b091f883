// The worker threads that read images for training.
import { Threads } from '../../threads/threads.js';
import type { ImageHandlers } from './image-worker.js';

export type ImageThreads = Threads<ImageHandlers>;

/** Starts `size` threads. The caller closes them. */
export const imageThreads = (size: number): ImageThreads => {
  const threads: ImageThreads = new Threads(new URL('./image-worker.js', import.meta.url), {
    name: 'A worker thread that reads images',
    retries: 1,
  });
  for (let i = 0; i < size; i++) void threads.start(undefined);
  return threads;
};
