// The fixed binary tree in which a step's gradients are added up: a node is a range of micro-batches, its children are the halves. The sum
// does not depend on how many ranks share the leaves.

/** A node: the leaves from `from` to before `to`. */
export interface Node {
  readonly from: number;
  readonly to: number;
}

const isLeaf = ({ from, to }: Node): boolean => to - from === 1;

/** The halves of a node; of an odd number the first is larger. */
const halvesOf = ({ from, to }: Node): [Node, Node] => {
  const middle = from + Math.ceil((to - from) / 2);
  return [
    { from, to: middle },
    { from: middle, to },
  ];
};

/** The leaves of a rank, as a range. Their number is a multiple of the number of ranks. */
export const leavesOf = (leaves: number, rank: number, size: number): Node => ({
  from: (rank * leaves) / size,
  to: ((rank + 1) * leaves) / size,
});

/** The fewest nodes of the tree over `leaves` that together are a range, in order. */
export const nodesOf = (leaves: number, range: Node): Node[] => {
  const within = (node: Node): Node[] => {
    if (node.to <= range.from || range.to <= node.from) return [];
    if (range.from <= node.from && node.to <= range.to) return [node];
    return halvesOf(node).flatMap(within);
  };
  return within({ from: 0, to: leaves });
};

/** How many additions follow a leaf, when the leaves of a node come in order: its own node's, its parent's, …, where it is the last. */
export const additionsAfter = (node: Node, leaf: number): number => {
  if (isLeaf(node)) return 0;
  const [first, second] = halvesOf(node);
  if (leaf < first.to) return additionsAfter(first, leaf);
  return additionsAfter(second, leaf) + (leaf === node.to - 1 ? 1 : 0);
};

/** Adds up the values of nodes that together are the tree over `leaves`. */
export const sumOfNodes = <T>(
  leaves: number,
  valueOf: (node: Node) => T | undefined,
  add: (a: T, b: T) => T,
): T => {
  const sum = (node: Node): T => {
    const value = valueOf(node);
    if (value !== undefined) return value;
    const [first, second] = halvesOf(node);
    return add(sum(first), sum(second));
  };
  return sum({ from: 0, to: leaves });
};
