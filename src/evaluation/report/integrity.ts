// The checksum by which a page's content security policy allows its own script only.
import { createHash } from 'node:crypto';

/** `sha256-…` of a text, as written in content security policies. */
export const sha256Base64 = (text: string): string =>
  `sha256-${createHash('sha256').update(text).digest('base64')}`;
