// Specs of tfjs's suite that are not expected to pass, each with the reason.

/** A part of a spec's full name, and why specs of that name do not count. */
export interface Exclusion {
  readonly name: RegExp;
  readonly reason: string;
}

export const exclusions: readonly Exclusion[] = [];
