// Published sizes of the data sets, to check a copy on disk: images by split, images and objects by class.

/** Images of a class, or of all classes, in each split. */
export type SplitCounts = Readonly<Record<string, number>>;

export interface PublishedCounts {
  /** Images (persons, for actions) in each split. */
  readonly splits: SplitCounts;
  /** Number of classes. */
  readonly classes: number;
  /** Images with label 1 by class and split, where published. */
  readonly images?: Readonly<Record<string, SplitCounts>>;
  /** Objects that are not difficult, by class and split, where published. */
  readonly objects?: Readonly<Record<string, SplitCounts>>;
  /** Images per class in each split, if it is the same for all classes. */
  readonly perClass?: SplitCounts;
  /** Minimum number of images per class, if nothing more is published. */
  readonly least?: number;
  /** Splits without public labels. Many copies lack them; a missing one is not reported. */
  readonly optional?: readonly string[];
}

// Columns: images and objects (without difficult ones) of train, val and, for 2007, test, from the tables of the
// development kits. A test checks that the objects sum to the published totals.
const voc: Readonly<Record<2007 | 2012, Readonly<Record<string, readonly number[]>>>> = {
  2007: {
    aeroplane: [112, 151, 126, 155, 204, 285],
    bicycle: [116, 176, 127, 177, 239, 337],
    bird: [180, 243, 150, 243, 282, 459],
    boat: [81, 140, 100, 150, 172, 263],
    bottle: [139, 253, 105, 252, 212, 469],
    bus: [97, 115, 89, 114, 174, 213],
    car: [376, 625, 337, 625, 721, 1201],
    cat: [163, 186, 174, 190, 322, 358],
    chair: [224, 400, 221, 398, 417, 756],
    cow: [69, 136, 72, 123, 127, 244],
    diningtable: [97, 103, 103, 112, 190, 206],
    dog: [203, 253, 218, 257, 418, 489],
    horse: [139, 182, 148, 180, 274, 348],
    motorbike: [120, 167, 125, 172, 222, 325],
    person: [1025, 2358, 983, 2332, 2007, 4528],
    pottedplant: [133, 248, 112, 266, 224, 480],
    sheep: [48, 130, 48, 127, 97, 242],
    sofa: [111, 124, 118, 124, 223, 239],
    train: [127, 145, 134, 152, 259, 282],
    tvmonitor: [128, 166, 128, 158, 229, 308],
  },
  2012: {
    aeroplane: [327, 432, 343, 433],
    bicycle: [268, 353, 284, 358],
    bird: [395, 560, 370, 559],
    boat: [260, 426, 248, 424],
    bottle: [365, 629, 341, 630],
    bus: [213, 292, 208, 301],
    car: [590, 1013, 571, 1004],
    cat: [539, 605, 541, 612],
    chair: [566, 1178, 553, 1176],
    cow: [151, 290, 152, 298],
    diningtable: [269, 304, 269, 305],
    dog: [632, 756, 654, 759],
    horse: [237, 350, 245, 360],
    motorbike: [265, 357, 261, 356],
    person: [1994, 4194, 2093, 4372],
    pottedplant: [269, 484, 258, 489],
    sheep: [171, 400, 154, 413],
    sofa: [257, 281, 250, 285],
    train: [273, 313, 271, 315],
    tvmonitor: [290, 392, 285, 392],
  },
};

/** Counts by class and split: columns `first`, `first + 2` and `first + 4`, and train + val. */
const countsOf = (year: 2007 | 2012, first: 0 | 1): Record<string, SplitCounts> =>
  Object.fromEntries(
    Object.entries(voc[year]).map(([name, row]) => {
      const [train, val, test] = [row[first]!, row[first + 2]!, row[first + 4]];
      return [name, { train, val, trainval: train + val, ...(test !== undefined && { test }) }];
    }),
  );

// Images by class: 9,144 with the 467 of the background.
const caltech101: Readonly<Record<string, number>> = {
  BACKGROUND_Google: 467,
  accordion: 55,
  airplanes: 800,
  anchor: 42,
  ant: 42,
  barrel: 47,
  bass: 54,
  beaver: 46,
  binocular: 33,
  bonsai: 128,
  brain: 98,
  brontosaurus: 43,
  buddha: 85,
  butterfly: 91,
  camera: 50,
  cannon: 43,
  car_side: 123,
  ceiling_fan: 47,
  cellphone: 59,
  chair: 62,
  chandelier: 107,
  cougar_body: 47,
  cougar_face: 69,
  crab: 73,
  crayfish: 70,
  crocodile: 50,
  crocodile_head: 51,
  cup: 57,
  dalmatian: 67,
  dollar_bill: 52,
  dolphin: 65,
  dragonfly: 68,
  electric_guitar: 75,
  elephant: 64,
  emu: 53,
  euphonium: 64,
  ewer: 85,
  Faces: 435,
  Faces_easy: 435,
  ferry: 67,
  flamingo: 67,
  flamingo_head: 45,
  garfield: 34,
  gerenuk: 34,
  gramophone: 51,
  grand_piano: 99,
  hawksbill: 100,
  headphone: 42,
  hedgehog: 54,
  helicopter: 88,
  ibis: 80,
  inline_skate: 31,
  joshua_tree: 64,
  kangaroo: 86,
  ketch: 114,
  lamp: 61,
  laptop: 81,
  Leopards: 200,
  llama: 78,
  lobster: 41,
  lotus: 66,
  mandolin: 43,
  mayfly: 40,
  menorah: 87,
  metronome: 32,
  minaret: 76,
  Motorbikes: 798,
  nautilus: 55,
  octopus: 35,
  okapi: 39,
  pagoda: 47,
  panda: 38,
  pigeon: 45,
  pizza: 53,
  platypus: 34,
  pyramid: 57,
  revolver: 82,
  rhino: 59,
  rooster: 49,
  saxophone: 40,
  schooner: 63,
  scissors: 39,
  scorpion: 84,
  sea_horse: 57,
  snoopy: 35,
  soccer_ball: 64,
  stapler: 45,
  starfish: 86,
  stegosaurus: 59,
  stop_sign: 64,
  strawberry: 35,
  sunflower: 85,
  tick: 49,
  trilobite: 86,
  umbrella: 75,
  watch: 239,
  water_lilly: 37,
  wheelchair: 59,
  wild_cat: 34,
  windsor_chair: 56,
  wrench: 39,
  yin_yang: 60,
};

/** Counts by data set. For `voc2012-action` only totals are checked. */
export const publishedCounts: Readonly<Record<string, PublishedCounts>> = {
  voc2007: {
    splits: { train: 2501, val: 2510, trainval: 5011, test: 4952 },
    classes: 20,
    images: countsOf(2007, 0),
    objects: countsOf(2007, 1),
  },
  voc2012: {
    splits: { train: 5717, val: 5823, trainval: 11_540, test: 10_991 },
    optional: ['test'],
    classes: 20,
    images: countsOf(2012, 0),
    objects: countsOf(2012, 1),
  },
  'voc2012-action': { splits: { train: 3134, val: 3144, trainval: 6278 }, classes: 10 },
  caltech101: {
    splits: { all: 9144 },
    classes: 102,
    images: Object.fromEntries(Object.entries(caltech101).map(([name, all]) => [name, { all }])),
  },
  caltech256: { splits: { all: 30_607 }, classes: 257, least: 80 },
  imagenet: {
    splits: { train: 1_281_167, val: 50_000, test: 100_000 },
    optional: ['test'],
    classes: 1000,
  },
  'tiny-imagenet': {
    splits: { train: 100_000, val: 10_000, test: 10_000 },
    classes: 200,
    perClass: { train: 500, val: 50 },
  },
};
