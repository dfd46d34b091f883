// How the writers of formats ask for the files they make.

/** Takes files for an export, writes them, and gives their paths. @throws UsageError if one is of other work */
export type Claim = (files: readonly string[], write: () => Promise<void>) => Promise<string[]>;
