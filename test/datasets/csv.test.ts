// Tables of images: quoting, several labels, splits, and errors that name file and line.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CsvOptions, readCsv } from '../../src/datasets/csv.js';
import { UsageError } from '../../src/errors.js';
import { withFolder } from '../support.js';

/** Runs `use` on a table beside images a.jpg, "b, c.jpg", sub/d.jpg. */
const withTable = (text: string, use: (table: string, folder: string) => Promise<void>): Promise<void> =>
  withFolder(async (folder) => {
    await mkdir(join(folder, 'sub'));
    for (const name of ['a.jpg', 'b, c.jpg', 'sub/d.jpg']) await writeFile(join(folder, name), 'x');
    await writeFile(join(folder, 'table.csv'), text);
    await use(join(folder, 'table.csv'), folder);
  });

const wrong = (text: string, message: string, options: CsvOptions = {}): Promise<void> =>
  withTable(text, (table) =>
    assert.rejects(readCsv(table, options), (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.equal(error.message.replaceAll(table, 'TABLE').replaceAll(table.slice(0, -9), ''), message);
      return true;
    }),
  );

describe('readCsv', () => {
  it('reads quoted fields, a byte-order mark, Windows line ends and relative paths', () =>
    withTable(
      '\uFEFFpath,note,label\r\nsub/d.jpg,"say ""hi""\nthere",cat\r\n"b, c.jpg",,"big, dog"\r\n',
      async (table, folder) => {
        const dataset = await readCsv(table);
        assert.deepEqual(dataset, {
          name: 'csv',
          root: folder,
          classes: ['big, dog', 'cat'],
          splits: {
            all: [
              {
                id: 'b, c.jpg',
                path: 'b, c.jpg',
                source: { file: join(folder, 'b, c.jpg') },
                labels: ['big, dog'],
              },
              {
                id: 'sub/d.jpg',
                path: 'sub/d.jpg',
                source: { file: join(folder, 'sub/d.jpg') },
                labels: ['cat'],
              },
            ],
          },
          strays: [],
        });
        assert.deepEqual(await readCsv(folder), dataset, 'a folder with one table');
      },
    ));

  it('joins the labels of repeated rows', () =>
    withTable('label,path\ndog,a.jpg\ncat,sub/d.jpg\ncat,./a.jpg\ndog,a.jpg\n', async (table) => {
      const { classes, splits } = await readCsv(table);
      assert.deepEqual(classes, ['cat', 'dog']);
      assert.deepEqual(
        splits['all']!.map(({ id, labels }) => [id, labels]),
        [
          ['a.jpg', ['cat', 'dog']],
          ['sub/d.jpg', ['cat']],
        ],
      );
    }));

  it('separates labels in a field, which may then be empty', () =>
    withTable('path,label\na.jpg,dog | cat\nsub/d.jpg,\n', async (table) => {
      const { classes, splits } = await readCsv(table, { labelSeparator: '|' });
      assert.deepEqual(classes, ['cat', 'dog']);
      assert.deepEqual(
        splits['all']!.map(({ labels }) => labels),
        [['cat', 'dog'], []],
      );
    }));

  it('takes columns of other names, splits and absolute paths', () =>
    withTable('', async (table, folder) => {
      const absolute = join(folder, 'a.jpg');
      await writeFile(table, `file,part,kind\n${absolute},train,x\nsub/d.jpg,test,y\n`);
      const { splits } = await readCsv(table, {
        pathColumn: 'file',
        labelColumn: 'kind',
        splitColumn: 'part',
      });
      assert.deepEqual(
        Object.entries(splits).map(([split, items]) => [split, items.map(({ id }) => id)]),
        [
          ['train', [absolute]],
          ['test', ['sub/d.jpg']],
        ],
      );
    }));

  it('reads tab-separated tables', () =>
    withTable('', async (_, folder) => {
      const table = join(folder, 'sub', 'table.tsv');
      await writeFile(table, 'path\tlabel\nd.jpg\ta,b\n');
      assert.deepEqual((await readCsv(table)).classes, ['a,b']);
    }));

  it('names file and line of everything that is wrong', async () => {
    await wrong(
      'file,label\na.jpg,cat\n',
      'Expected a column "path" for TABLE but received ["file","label"]. Name the columns of your table.',
    );
    await wrong(
      'path,label\na.jpg,cat\n',
      'Expected a column "set" for TABLE but received ["path","label"]. Name the columns of your table.',
      { splitColumn: 'set' },
    );
    await wrong(
      'path,label\na.jpg,cat\n,dog\n',
      'Expected a path for column "path" of TABLE line 3 but received "".',
    );
    await wrong(
      'path,label\na.jpg,\n',
      'Expected a label for column "label" of TABLE line 2 but received "".',
    );
    await wrong(
      'path,label\n"a.jpg",cat\n\nnone.jpg,cat\n',
      'Expected an image file for TABLE line 4 but received "none.jpg". There is none.',
    );
    await wrong(
      'path,label,split\na.jpg,cat,train\na.jpg,cat,test\n',
      'Expected the split "train" of line 2 again for TABLE line 3 (a.jpg) but received "test".',
    );
    await wrong('path,label\n', 'Expected rows of images for TABLE but received "none".');
    await wrong(
      'path,label\na.jpg,cat,dog\n',
      'Cannot read the table TABLE: Invalid Record Length: columns length is 2, got 3 on line 2.',
    );
    await assert.rejects(readCsv('/no/such.csv'), {
      message: 'Expected an existing CSV file for data but received "/no/such.csv".',
    });
    await withTable('', async (_, folder) => {
      await assert.rejects(
        readCsv(join(folder, 'sub')),
        /^UsageError: Expected one CSV file for data but received \[\]\. Give the path of the file itself/,
      );
    });
  });
});
