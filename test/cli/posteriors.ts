// What tests read of a folder of posteriors: each image's, by its id, straight from the Arrow files.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';

/** The column "fc8:posterior" of a folder of descriptors. */
export const readFeatures = async (folder: string): Promise<Map<string, number[]>> => {
  const found = new Map<string, number[]>();
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.arrow'))) {
    const table = tableFromIPC(await readFile(join(folder, name)));
    const [ids, values] = [table.getChild('id')!, table.getChild('fc8:posterior')!];
    for (let i = 0; i < table.numRows; i++)
      found.set(String(ids.get(i)), [...(values.get(i) as Iterable<number>)]);
  }
  return found;
};
