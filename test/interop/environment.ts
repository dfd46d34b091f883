// Before the first test beside Python's libraries: the virtual environment is made, once for all of mocha's processes.
import { pythonPath } from './python.js';

export const mochaGlobalSetup = async (): Promise<void> => {
  await pythonPath();
};
