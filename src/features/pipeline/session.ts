// What the runners of nets share: their interface, and the options of their sessions.
import type { RgbImage } from '../../images/image.js';
import type { SharedSession } from '../../engine/shared-slots.js';

/** A loaded net. The caller closes it. */
export interface Runner {
  /**
   * Activations of an image, one vector per layer of the recipe, averaged over positions (and the mirrored
   * image).
   */
  run(image: RgbImage): Promise<Float32Array[]>;
  /** Lets runners of other threads share the weights; undefined if each thread needs its own. */
  share?(): SharedSession;
  close(): void;
}

/**
 * Session options of an extraction. The session has its own memory, which stays bounded with images of mixed
 * sizes and is freed on close, unlike the arena shared by training sessions. Idle threads spin between
 * operators, which saves 3 % of the time in int8.
 */
export const SESSION = { config: { 'session.use_env_allocators': '0' }, spin: 50 } as const;
