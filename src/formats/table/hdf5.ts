// Opens HDF5 files as tables: datasets of two axes are vectors, datasets of texts name rows.
import { expected } from '../../errors.js';
import { openHdf5 } from '../hdf5.js';
import { type ForeignTable, type TableColumn, rowsOfBlock } from './table.js';

const nameOf = (path: string): string => path.replace(/^\//, '');

/** Opens a file in a thread of its own. @throws UsageError naming the file when it cannot be read */
export const openHdf5Table = async (path: string): Promise<ForeignTable> => {
  const file = await openHdf5(path);
  const { datasets, columns: texts } = file.index;
  const vectors = datasets.filter(({ shape }) => shape.length >= 2 && shape.slice(2).every((n) => n === 1));
  if (vectors.length === 0) {
    await file.close();
    throw expected(
      'a dataset of two axes, [images, numbers]',
      path,
      datasets.length === 0
        ? 'none'
        : datasets.map(({ path: name, shape }) => `${name} [${shape.join(', ')}]`),
    );
  }
  const columns: TableColumn[] = [
    ...vectors.map(({ path: name, shape, half = false }): TableColumn => ({
      name: nameOf(name),
      kind: 'numbers',
      rows: shape[0]!,
      half,
    })),
    ...texts.map(({ path: name, rows }): TableColumn => ({ name: nameOf(name), kind: 'texts', rows })),
  ];
  const pathOf = (name: string): string =>
    [...vectors, ...texts].find(({ path: each }) => nameOf(each) === name)!.path;
  return {
    path,
    format: 'hdf5',
    columns,
    texts: async (name) => {
      const found: string[] = [];
      const { rows } = texts.find(({ path: each }) => nameOf(each) === name)!;
      const most = 1 << 14;
      for (let row = 0; row < rows; row += most)
        found.push(...(await file.texts(pathOf(name), row, Math.min(rows, row + most))));
      return found;
    },
    numbers: async function* (name) {
      const { path: dataset, shape } = vectors.find(({ path: each }) => nameOf(each) === name)!;
      const [rows = 0, width = 0] = shape;
      const most = rowsOfBlock(8 * width);
      for (let row = 0; row < rows; row += most) {
        const end = Math.min(rows, row + most);
        yield { rows: end - row, data: await file.rows(dataset, row, end) };
      }
    },
    close: () => file.close(),
  };
};
