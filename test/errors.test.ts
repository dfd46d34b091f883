// Messages name options as the library does; the command line writes them as flags.
import assert from 'node:assert/strict';
import { flagOf, messageForCli } from '../src/cli/flag.js';
import { UsageError, VerydeepError, expected, option, text } from '../src/errors.js';

describe('errors', () => {
  it('name the option at fault in a field, in the message by its name, on the command line by its flag', () => {
    const error = expected(
      'a whole number',
      option('trainPerClass'),
      0,
      text`Or leave ${option('splits')} out.`,
    );
    assert.equal(error.option, 'trainPerClass');
    assert.equal(
      error.message,
      'Expected a whole number for trainPerClass but received 0. Or leave splits out.',
    );
    assert.equal(
      messageForCli(error),
      'Expected a whole number for --train-per-class but received 0. Or leave --splits out.',
    );
  });

  it('have no option where none is at fault', () => {
    assert.equal(new VerydeepError('The disk is full.').option, undefined);
    assert.equal(expected('a JPEG', 'photos/a.jpg', 'a PNG').option, undefined);
    assert.equal(messageForCli(new UsageError('As it is.')), 'As it is.');
  });

  it('write names of one word and of several as flags', () => {
    assert.deepEqual(['out', 'cPerClass', 'inputSize', 'flip'].map(flagOf), [
      '--out',
      '--c-per-class',
      '--input-size',
      '--no-flip',
    ]);
  });
});
