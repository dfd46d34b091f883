// The communicator of a process that trains alone.
import { hostname } from 'node:os';
import type { Communicator } from './communicator.js';

export const single: Communicator = {
  ...{ rank: 0, size: 1, host: hostname(), isExact: true, busySeconds: 0 },
  local: { rank: 0, size: 1 },
  sum: () => Promise.resolve(),
  broadcast: () => Promise.resolve(),
  gather: (value) => Promise.resolve([value]),
  barrier: () => Promise.resolve(),
  fail: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
