// Counts images and pixels of an extraction and reports its speed.
import type { OnProgress } from '../../progress.js';
import type { Outcome } from './image.js';

/** Counts images and pixels, and emits progress for every image. */
export class Tally {
  readonly #total: number;
  readonly #onProgress: OnProgress | undefined;
  readonly #started = performance.now();
  #computed = 0;
  #reused = 0;
  #skipped = 0;
  #megapixels = 0;

  constructor(total: number, onProgress?: OnProgress) {
    this.#total = total;
    this.#onProgress = onProgress;
  }

  add(outcome: Outcome): void {
    if (outcome.kind === 'skipped') this.#skipped++;
    else {
      if (outcome.reused) this.#reused++;
      else this.#computed++;
      this.#megapixels += outcome.megapixels;
    }
    const done = this.#computed + this.#reused + this.#skipped;
    const seconds = (performance.now() - this.#started) / 1000;
    const figures = {
      'images/s': done / seconds,
      'megapixels/s': this.#megapixels / seconds,
      skipped: this.#skipped,
    };
    const secondsLeft = (seconds / done) * (this.#total - done);
    this.#onProgress?.({ task: 'extract', done, total: this.#total, unit: 'images', figures, secondsLeft });
  }

  get counts(): { readonly computed: number; readonly reused: number; readonly megapixels: number } {
    return { computed: this.#computed, reused: this.#reused, megapixels: this.#megapixels };
  }
}
