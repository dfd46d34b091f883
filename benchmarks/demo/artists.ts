// Who drew the demo's pictures: npm package, licence, and which sets are by one and the same artist.

/** A set of emoji drawings. */
interface Artist {
  /** Name in file names: "openmoji". */
  readonly name: string;
  /** Name as credited. */
  readonly title: string;
  /** npm package that carries the drawings. */
  readonly package: string;
  /**
   * Sets of one family are versions of the same drawings by one artist: they are never on both sides of a
   * split.
   */
  readonly family: string;
  readonly by: string;
  readonly licence: string;
  readonly licenceUrl: string;
  readonly url: string;
}

const iconify = (name: string): string => `@iconify-json/${name}`;

/** All sets, the preferred version of a family first. */
export const artists: readonly Artist[] = [
  {
    name: 'openmoji',
    title: 'OpenMoji',
    package: 'openmoji',
    family: 'openmoji',
    by: 'the OpenMoji project, HfG Schwäbisch Gmünd',
    licence: 'CC BY-SA 4.0',
    licenceUrl: 'https://creativecommons.org/licenses/by-sa/4.0/',
    url: 'https://openmoji.org',
  },
  {
    name: 'twemoji',
    title: 'Twemoji',
    package: '@twemoji/svg',
    family: 'twemoji',
    by: 'Twitter, Inc and other contributors',
    licence: 'CC BY 4.0',
    licenceUrl: 'https://creativecommons.org/licenses/by/4.0/',
    url: 'https://github.com/jdecked/twemoji',
  },
  {
    name: 'noto',
    title: 'Noto Emoji',
    package: iconify('noto'),
    family: 'noto',
    by: 'Google',
    licence: 'Apache-2.0',
    licenceUrl: 'https://www.apache.org/licenses/LICENSE-2.0',
    url: 'https://github.com/googlefonts/noto-emoji',
  },
  {
    name: 'noto-v1',
    title: 'Noto Emoji (version 1)',
    package: iconify('noto-v1'),
    family: 'noto',
    by: 'Google',
    licence: 'Apache-2.0',
    licenceUrl: 'https://www.apache.org/licenses/LICENSE-2.0',
    url: 'https://github.com/googlefonts/noto-emoji',
  },
  {
    name: 'emojione',
    title: 'EmojiOne 2.3',
    package: iconify('emojione'),
    family: 'emojione',
    by: 'EmojiOne',
    licence: 'CC BY 4.0',
    licenceUrl: 'https://creativecommons.org/licenses/by/4.0/',
    url: 'https://github.com/EmojiTwo/emojitwo',
  },
  {
    name: 'fluent',
    title: 'Fluent Emoji (flat)',
    package: iconify('fluent-emoji-flat'),
    family: 'fluent',
    by: 'Microsoft Corporation',
    licence: 'MIT',
    licenceUrl: 'https://github.com/microsoft/fluentui-emoji/blob/main/LICENSE',
    url: 'https://github.com/microsoft/fluentui-emoji',
  },
  {
    name: 'fxemoji',
    title: 'FxEmoji (Firefox OS)',
    package: iconify('fxemoji'),
    family: 'fxemoji',
    by: 'Mozilla',
    licence: 'Apache-2.0',
    licenceUrl: 'https://mozilla.github.io/fxemoji/LICENSE.md',
    url: 'https://github.com/mozilla/fxemoji',
  },
];

/** The artist of that name. */
export const artistNamed = (name: string): Artist => {
  const artist = artists.find((candidate) => candidate.name === name);
  if (!artist) throw new RangeError(`No artist is named ${name}.`);
  return artist;
};
