// The properties of test/classifiers on many more random problems than `npm test` has time for.
import { testProperties } from '../../classifiers/properties.js';

describe('SVMs on many random problems', function () {
  this.timeout(300_000);
  testProperties(300, 10, 80);
});
