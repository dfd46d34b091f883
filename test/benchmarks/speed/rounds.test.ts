// Alternating rounds, and peers in processes of their own that answer line by line.
import assert from 'node:assert/strict';
import { PeerProcess } from '../../../benchmarks/speed/peer-process.js';
import { alternate } from '../../../benchmarks/speed/rounds.js';

describe('benchmarks/speed/rounds', () => {
  it('calls contenders in turn, each time another first, and takes the best of each without the first round', async () => {
    const calls: string[] = [];
    const contender = (name: string, times: readonly number[]) => () => {
      calls.push(name);
      return times[calls.filter((each) => each === name).length - 1]!;
    };
    const contenders = { a: contender('a', [1, 9, 5, 7]), b: contender('b', [2, 8, 8, 3]) };
    assert.deepEqual(await alternate(contenders, 3, { calm: 0 }), { a: 5, b: 3 });
    assert.equal(calls.join(''), 'ababbaab');
  });

  it('counts the first round where there is none to warm up', async () => {
    const times = [1, 9];
    assert.deepEqual(await alternate({ a: () => times.shift()! }, 2, { warm: false, calm: 0 }), { a: 1 });
  });
});

describe('benchmarks/speed/peer-process', () => {
  const node = (program: string) => ({ program: process.execPath, args: ['-e', program] });
  const echo = `
    console.log('a greeting that is no JSON');
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      if (line === 'end') { console.error('the last words'); process.exit(3); }
      console.log(JSON.stringify({ line }));
    });`;

  it('answers in order, and ends when it is closed', async () => {
    const peer = new PeerProcess(node(echo));
    const answers = await Promise.all(['1', '2', '3'].map((line) => peer.ask<{ line: string }>(line)));
    assert.deepEqual(
      answers.map(({ line }) => line),
      ['1', '2', '3'],
    );
    await peer.close();
    await assert.rejects(peer.ask('4'), /ended with 0/);
  });

  it('says its last words when it dies, and why it cannot be started', async () => {
    const peer = new PeerProcess(node(echo));
    await assert.rejects(peer.ask('end'), /ended with 3: the last words/);
    await peer.close();
    const missing = new PeerProcess({ program: '/no/such/program', args: [] });
    await assert.rejects(missing.ask('1'), /ENOENT/);
    await missing.close();
  });
});
