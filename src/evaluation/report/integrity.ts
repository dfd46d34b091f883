// The checksum by which a page's content policy admits its own script and no other.
import { createHash } from 'node:crypto';

/** `sha256-…` of a text, as content policies write it. */
export const sha256Base64 = (text: string): string =>
  `sha256-${createHash('sha256').update(text).digest('base64')}`;
