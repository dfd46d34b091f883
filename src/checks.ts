// Checks of values that come from outside: parsed JSON, options, messages.

/** Whether a value is an object with named entries (not an array, not null). */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
