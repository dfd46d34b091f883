// Tables of images: quoting, several labels, splits, and errors that name file and line.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CsvOptions, readCsv } from '../../src/datasets/csv.js';
import { splitOf } from '../../src/datasets/open.js';
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

  it('recognises what separates the fields, by the header', async () => {
    const tables: readonly [string, CsvOptions][] = [
      ['path;label\na.jpg;cat\nsub/d.jpg;big, dog\n', {}],
      ['label\tpath\ncat\ta.jpg\nbig, dog\tsub/d.jpg\n', {}],
      ['path|label\na.jpg|cat\nsub/d.jpg|big, dog\n', {}],
      ['\uFEFF"path";"label"\r\n"a.jpg";"cat"\r\n"sub/d.jpg";"big, dog"\r\n', {}],
      ['"note; or, remark";label;path\n1,5;cat;a.jpg\n2,5;big, dog;sub/d.jpg\n', {}],
      ['sep=;\npath;label\na.jpg;cat\nsub/d.jpg;big, dog\n', {}],
      ['a, b, c;file;label\n;a.jpg;cat\n;sub/d.jpg;big, dog\n', { pathColumn: 'file' }],
      ['path#label\na.jpg#cat\nsub/d.jpg#big, dog\n', { delimiter: '#' }],
      ['path\tlabel\na.jpg\tcat\nsub/d.jpg\tbig, dog\n', { delimiter: 'tab' }],
      ['path;label\ra.jpg;cat\rsub/d.jpg;big, dog\r', {}],
    ];
    for (const [text, options] of tables) {
      await withTable(text, async (table) => {
        const { classes, splits } = await readCsv(table, options);
        assert.deepEqual(classes, ['big, dog', 'cat'], text);
        assert.deepEqual(
          splits['all']!.map(({ id }) => id),
          ['a.jpg', 'sub/d.jpg'],
        );
      });
    }
    await withTable('', async (table) => {
      await writeFile(
        table,
        Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('path\tlabel\na.jpg\tcafé\n', 'utf16le')]),
      );
      assert.deepEqual((await readCsv(table)).classes, ['café'], 'Unicode text of Excel');
      await assert.rejects(
        readCsv(table, { delimiter: 'ab' }),
        /Expected one character, or "tab" for delimiter/,
      );
    });
  });

  it('names a table that is not in UTF-8, and paths written with backslashes', async () => {
    await withTable('', async (table) => {
      await writeFile(table, Buffer.from('path,label\na.jpg,caf\xe9\n', 'latin1'));
      await assert.rejects(readCsv(table), /Expected UTF-8 for .* line 2 .*Save the table as "CSV UTF-8"/);
    });
    await wrong(
      'path,label\nsub\\d.jpg,cat\n',
      'Expected an image file for TABLE line 2 but received "sub\\\\d.jpg". There is none; write / in place of \\ between folders.',
    );
  });

  it('names splits as other data sets do, and finds them by the word of the table too', () =>
    withTable('path,label,split\na.jpg,cat,TRAIN\nsub/d.jpg,dog,valid\n', async (table) => {
      const dataset = await readCsv(table);
      assert.deepEqual(Object.keys(dataset.splits), ['train', 'val']);
      assert.equal(splitOf(dataset, 'valid').length, 1);
      assert.deepEqual(dataset.remarks, [
        'The split train has no image of the class "dog" (in val only).',
        'The split val has no image of the class "cat" (in train only).',
      ]);
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
      'Expected a column "path" for TABLE but received ["file","label"]. Name the columns of your table with pathColumn, labelColumn and splitColumn; delimiter says what separates them.',
    );
    await wrong(
      'path,label\na.jpg,cat\n',
      'Expected a column "set" for TABLE but received ["path","label"]. Name the columns of your table with pathColumn, labelColumn and splitColumn; delimiter says what separates them.',
      { splitColumn: 'set' },
    );
    await wrong(
      'path,label\na.jpg,cat\n,dog\n',
      'Expected a path for column "path" of TABLE line 3 but received "".',
    );
    await wrong(
      'path,label\na.jpg,\nsub/d.jpg,cat\n',
      'Expected a label for column "label" of TABLE line 2 but received "". With labelSeparator images may have no label.',
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
        /^UsageError: Expected one CSV file for data but received "a folder without any"\. Give the path of the file itself/,
      );
    });
  });
});
