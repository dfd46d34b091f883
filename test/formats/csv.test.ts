import assert from 'node:assert/strict';
import { parse } from 'csv-parse/sync';
import { csvLines } from '../../src/formats/csv.js';

describe('CSV', () => {
  it('quotes what RFC 4180 says, and nothing else', () => {
    const rows = [
      ['id', 'a,b', 'say "yes"', 'two\nlines', 'carriage\rreturn', ' blank', '', '=1'],
      [1.5, -2e-7, NaN, 0, 'é', ';', '\t', "'"],
    ];
    const text = csvLines(rows);
    assert.equal(
      text,
      'id,"a,b","say ""yes""","two\nlines","carriage\rreturn", blank,,=1\n' + "1.5,-2e-7,NaN,0,é,;,\t,'\n",
    );
    assert.deepEqual(
      parse(text, { record_delimiter: '\n' }),
      rows.map((row) => row.map(String)),
    );
  });
});
