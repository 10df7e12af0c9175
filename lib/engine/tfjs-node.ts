/** The part of tfjs-node below its public interface that the engine calls: TensorFlow's operations by name. */
import * as tf from '@tensorflow/tfjs';

/** TensorFlow's C type code of an attribute, its name, and its value as tfjs passes it. */
export interface OperationAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** A tensor as the binding knows it. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  /** TensorFlow's number for the type. */
  dtype: number;
}

/** tfjs-node's native binding. */
export interface Binding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  isUsingGpuDevice(): boolean;
  createTensor(shape: number[], dtype: number, values: tf.TypedArray): number;
  tensorDataSync(id: number): tf.TypedArray;
  deleteTensor(id: number): void;
  executeOp(op: string, attributes: OperationAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  /**
   * Makes an operation of a graph (`functions.cc`, the kit's own part of the binding).
   *
   * @param graph a GraphDef message
   * @param inputs the names of its placeholders
   * @param outputs the names of nodes, whose first outputs are the operation's
   */
  addFunction(name: string, graph: Uint8Array, inputs: string[], outputs: string[]): void;
  /** Frees an operation that `addFunction` has made. */
  removeFunction(name: string): void;
  /** Present where TensorFlow has learned the operations in `kernels/`; a binding that was built before there were any lacks it. */
  readonly hasOperations?: true;
}

/** tfjs-node's backend. */
export interface NodeBackend {
  binding: Binding;
  /** The tensors' numbers in the binding; those that are still on the host are uploaded first. */
  getInputTensorIds(tensors: tf.Tensor[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  typeAttributeFromTensor(tensor: tf.Tensor): number;
  executeSingleOutput(op: string, attributes: OperationAttribute[], inputs: tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(
    op: string,
    attributes: OperationAttribute[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

/** TensorFlow's number for the type bfloat16. tfjs has no tensors of it. */
export const DT_BFLOAT16 = 14;

/** True where TensorFlow computes, and not wasm: only then may the functions below be called. */
export function isTensorFlow(): boolean {
  return tf.getBackend() === 'tensorflow';
}

/** The backend that computes. */
export function nodeBackend(): NodeBackend {
  return tf.backend() as unknown as NodeBackend;
}

/** An attribute that names a type by TensorFlow's number. */
export function typeAttribute(name: string, dtype: number): OperationAttribute {
  return { name, type: nodeBackend().binding.TF_ATTR_TYPE, value: dtype };
}

/** An attribute that is true or false. */
export function flagAttribute(name: string, value: boolean): OperationAttribute {
  return { name, type: nodeBackend().binding.TF_ATTR_BOOL, value };
}
