// What is typed into each shell, tabs included, and the words that it becomes where completion works. The folder holds
// `my photos/` and `net.safetensors`.

export const typedLines: readonly (readonly [keys: string, words: readonly string[]])[] = [
  ['verydeep wei\tinf\tne\t', ['verydeep', 'weights', 'info', 'net.safetensors']],
  ['verydeep extr\tfol\t--prec\tin\t', ['verydeep', 'extract', 'folder', '--precision', 'int8']],
  ['verydeep extract folder --data my\t', ['verydeep', 'extract', 'folder', '--data', 'my photos/']],
  [
    'verydeep evaluate voc2012-\t--test-on v\t',
    ['verydeep', 'evaluate', 'voc2012-action', '--test-on', 'val'],
  ],
  ['verydeep weights export --form\ttor\t', ['verydeep', 'weights', 'export', '--format', 'torchvision']],
];
