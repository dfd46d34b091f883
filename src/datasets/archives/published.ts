// The original archives of each data set: URLs, sizes, checksums, and which need a login.
import type { Checksum } from '../../io/checksum.js';

/** A published archive. */
export interface PublishedArchive {
  readonly file: string;
  /** One or several URLs of the same bytes; empty if a login is required. */
  readonly urls: readonly string[];
  readonly bytes?: number;
  readonly checksum?: Checksum;
  /** A page with a form or login, where the file cannot be fetched without a person. */
  readonly page?: string;
  /** The archive inside this one whose checksum is known. */
  readonly inner?: { readonly file: string; readonly checksum: Checksum };
  /** What alone it is needed for ("for …"), where not for everything. */
  readonly use?: string;
}

const voc = (folder: string, file: string): string[] => [
  `https://thor.robots.ox.ac.uk/pascal/VOC/${folder}/${file}`,
  `http://host.robots.ox.ac.uk/pascal/VOC/${folder}/${file}`,
  `https://pjreddie.com/media/files/${file}`,
];

const caltech101: PublishedArchive = {
  file: 'caltech-101.zip',
  urls: ['https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip'],
  bytes: 137_414_764,
  inner: {
    file: '101_ObjectCategories.tar.gz',
    checksum: {
      md5: 'b224c7392d521a49829488ab0f1120d9',
      sha256: 'af6ece2f339791ca20f855943d8b55dd60892c0a25105fcd631ee3d6430f9926',
    },
  },
};

const voc2012: readonly PublishedArchive[] = [
  {
    file: 'VOCtrainval_11-May-2012.tar',
    urls: voc('voc2012', 'VOCtrainval_11-May-2012.tar'),
    bytes: 1_999_639_040,
    checksum: {
      md5: '6cd6e144f989b92b3379bac3b3de84fd',
      sha256: 'e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb',
    },
  },
  {
    file: 'VOC2012test.tar',
    urls: [],
    page: 'http://host.robots.ox.ac.uk:8080/',
    bytes: 1_850_626_560,
    checksum: { sha256: 'f08582b1935816c5eab3bbb1eb6d06201a789aaa173cdf1cf400c26f0cac2fb3' },
    use: 'for result files for the evaluation server; its labels are not public',
  },
];

const IMAGENET_PAGE = 'https://image-net.org/download-images.php';

/** Archives by data set. */
export const publishedArchives: Readonly<Record<string, readonly PublishedArchive[]>> = {
  voc2007: [
    {
      file: 'VOCtrainval_06-Nov-2007.tar',
      urls: voc('voc2007', 'VOCtrainval_06-Nov-2007.tar'),
      bytes: 460_032_000,
      checksum: {
        md5: 'c52e279531787c972589f7e41ab4ae64',
        sha256: '7d8cd951101b0957ddfd7a530bdc8a94f06121cfc1e511bb5937e973020c7508',
      },
    },
    {
      file: 'VOCtest_06-Nov-2007.tar',
      urls: voc('voc2007', 'VOCtest_06-Nov-2007.tar'),
      bytes: 451_020_800,
      checksum: {
        md5: 'b6e924de25625d8de591ea690078ad9f',
        sha256: '6836888e2e01dca84577a849d339fa4f73e1e4f135d312430c4856b5609b4892',
      },
    },
  ],
  voc2012,
  'voc2012-action': voc2012,
  caltech101: [caltech101],
  caltech256: [
    {
      file: '256_ObjectCategories.tar',
      urls: ['https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar'],
      checksum: {
        md5: '67b4f42ca05d46448c6bb8ecd2220f6d',
        sha256: '08ff01b03c65566014ae88eb0490dbe4419fc7ac4de726ee1163e39fd809543e',
      },
    },
  ],
  'tiny-imagenet': [
    {
      file: 'tiny-imagenet-200.zip',
      urls: ['http://cs231n.stanford.edu/tiny-imagenet-200.zip'],
      bytes: 248_100_043,
      checksum: {
        md5: '90528d7ca1a48142e341f4ef8d21d0de',
        sha256: '6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821',
      },
    },
  ],
  imagenet: [
    {
      file: 'ILSVRC2012_devkit_t12.tar.gz',
      urls: [],
      page: IMAGENET_PAGE,
      checksum: {
        md5: 'fa75699e90414af021442c21a62c3abf',
        sha256: 'b59243268c0d266621fd587d2018f69e906fb22875aca0e295b48cafaa927953',
      },
    },
    {
      file: 'ILSVRC2012_img_val.tar',
      urls: [],
      page: IMAGENET_PAGE,
      bytes: 6_744_924_160,
      checksum: {
        md5: '29b22e2961454d5413ddabcf34fc5622',
        sha256: 'c7e06a6c0baccf06d8dbeb6577d71efff84673a5dbdd50633ab44f8ea0456ae0',
      },
    },
    {
      file: 'ILSVRC2012_img_train.tar',
      urls: [],
      page: IMAGENET_PAGE,
      bytes: 147_897_477_120,
      checksum: {
        md5: '1d675b47d978889d74fa0da5fadfb00e',
        sha256: 'b08200a27a8e34218a0e58fde36b0fe8f73bc377f4acea2d91602057c3ca45bb',
      },
      use: 'for training from scratch',
    },
  ],
};
