/** Tensors in nested lists and objects, as the inputs and outputs of compiled steps: taken apart and put together again. */
import * as tf from '@tensorflow/tfjs';

/** Tensors in nested lists and objects. An absent (undefined) member counts for nothing. */
export type TensorTree = tf.Tensor | readonly TensorTree[] | { readonly [name: string]: TensorTree | undefined };

type TensorObject = { readonly [name: string]: TensorTree | undefined };

/** The tensors of a tree, objects in the order of their sorted names. */
export function flattenTree(tree: TensorTree): tf.Tensor[] {
  if (tree instanceof tf.Tensor) return [tree];
  if (Array.isArray(tree)) return (tree as readonly TensorTree[]).flatMap(flattenTree);
  return presentMembers(tree as TensorObject).flatMap(([, branch]) => flattenTree(branch));
}

/** A tree of the same form with other tensors in the order of `flattenTree`. */
export function refillTree(tree: TensorTree, tensors: readonly tf.Tensor[]): TensorTree {
  const left = [...tensors];
  const refill = (branch: TensorTree): TensorTree => {
    if (branch instanceof tf.Tensor) return left.shift()!;
    if (Array.isArray(branch)) return (branch as readonly TensorTree[]).map(refill);
    return Object.fromEntries(presentMembers(branch as TensorObject).map(([name, member]) => [name, refill(member)]));
  };
  return refill(tree);
}

/** The names of a tree's members and how they are nested, as text. */
export function treeNames(tree: TensorTree): string {
  if (tree instanceof tf.Tensor) return '';
  if (Array.isArray(tree)) return `[${(tree as readonly TensorTree[]).map(treeNames)}]`;
  return `{${presentMembers(tree as TensorObject).map(([name, branch]) => name + treeNames(branch))}}`;
}

function presentMembers(object: TensorObject): [string, TensorTree][] {
  const members = Object.keys(object)
    .sort()
    .map((name) => [name, object[name]]);
  return members.filter(([, branch]) => branch !== undefined) as [string, TensorTree][];
}
