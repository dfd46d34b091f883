import { testProperties } from './properties.js';

describe('SVMs on random problems', () => testProperties(40, 5, 8));
