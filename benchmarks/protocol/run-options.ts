// What a benchmark is run on, and what is written: the options of a run.
import type { OpenOptions } from '../../src/datasets/open.js';
import type { Message } from '../../src/errors.js';
import type { ExtractOptions } from '../../src/features/pipeline/extract.js';
import type { RecipeChoice } from '../../src/features/recipe/recipe.js';
import type { EvaluateOptions } from './evaluate.js';

/** Inputs and outputs of a run. */
export interface RunOptions extends EvaluateOptions {
  readonly data?: string;
  readonly open?: OpenOptions;
  /** Weight files of the nets, stacked in this order; or else `features`. */
  readonly backbones: readonly string[];
  /** What differs from the benchmark's recipe. */
  readonly recipe: RecipeChoice;
  readonly extract?: Omit<ExtractOptions, 'out' | 'resume' | 'force' | 'onProgress'>;
  /** Folders of descriptors on disk. */
  readonly features: readonly string[];
  readonly layer?: string;
  /** Folder of the results; descriptors go to its `features`. */
  readonly out: string;
  /** Continue a run of the same options in `out`. Default true: what it computed is used again. */
  readonly resume?: boolean;
  /** Replace results of other options. */
  readonly force?: boolean;
  /** Writes the SVMs of each split to `models`. */
  readonly saveModels?: boolean;
  /** Takes remarks: how images are drawn, what is computed again and why. */
  readonly onNotice?: (text: Message) => void;
  /** The command as typed, for the report. */
  readonly command: string;
}
