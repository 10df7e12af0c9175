/**
 * The recording of a step: it runs eagerly once, and every TensorFlow operation that it asks for becomes a node of a graph.
 *
 * Every kernel of tfjs-node ends in `binding.executeOp(op, attributes, inputs, outputs)`, a TensorFlow operation. While a step is
 * recorded, a binding that takes notes stands in place of the real one.
 */
import * as tf from '@tensorflow/tfjs';
import { type AttributeValue, type GraphNode, shapeValue } from './graph-def.js';
import { SharedMemory } from './shared-memory.js';
import { flattenTree, refillTree, type TensorTree } from './tensor-tree.js';
import {
  type Binding,
  DT_BFLOAT16,
  type NodeBackend,
  nodeBackend,
  type OperationAttribute,
  type TensorMetadata,
  typeAttribute,
} from './tfjs-node.js';

/** A recorded step. Its inputs are the placeholders `in0`, `in1`, ... and its outputs the nodes `out0`, `out1`, ... */
export interface Recording {
  nodes: GraphNode[];
  /** The step's output, whose tensors are disposed: it tells the form of the tree. */
  output: TensorTree;
  outputs: number;
}

/** Hears of each node and its operation before that runs. */
export type Watch = (node: string, op: string) => void;

/**
 * Type attributes that tfjs leaves for eager TensorFlow to infer, and that a graph must state: the type of the first
 * input, of the second, ...
 */
const INFERRED_TYPES: { readonly [op: string]: readonly string[] } = { ExpandDims: ['T', 'Tdim'] };

/** Constants up to so many bytes are compared with those that the graph has already. */
const SMALL_CONSTANT = 64;

/** The recorder at work, for `runAfter`; undefined while nothing is recorded. */
let recorderAtWork: GraphRecorder | undefined;

/**
 * The same tensor, from which a compiled step computes nothing before `dependency` is there. A graph computes whatever it can
 * as early as it can, and computes only once what is written twice. This keeps work that is meant to wait, or to be done again,
 * from being pulled forward. Outside a compiled step nothing needs holding back.
 */
export function runAfter<T extends tf.Tensor>(x: T, dependency: tf.Tensor): T {
  if (!recorderAtWork) return x;
  const backend = nodeBackend();
  const [id] = backend.getInputTensorIds([x]) as [number];
  const ordered = recorderAtWork.order(id, backend.typeAttributeFromTensor(x), dependency);
  return backend.createOutputTensor(ordered) as T;
}

/** The same for a tensor of a type that tfjs lacks, by the binding's numbers of the tensor and its type; outside a step the same number. */
export function runAfterById(id: number, type: number, dependency: tf.Tensor): number {
  return recorderAtWork ? recorderAtWork.order(id, type, dependency).id : id;
}

/**
 * Runs a step eagerly and writes down its operations.
 *
 * @param name of the step, for error messages
 * @param inputs the tensors of `input`, in the order of `flattenTree`
 * @throws Error naming the step, the operation that cannot be recorded or that failed, and its place in the caller's code
 */
export function record<I extends TensorTree, O extends TensorTree>(
  name: string,
  step: (input: I) => O,
  input: I,
  inputs: readonly tf.Tensor[],
  watch?: Watch,
): Recording {
  const backend = nodeBackend();
  const real = backend.binding;
  const { distinct, copies } = copyAliases(backend, inputs);
  const recorder = new GraphRecorder(name, backend, watch);
  distinct.forEach((tensor, i) => {
    recorder.addPlaceholder(tensor, i);
  });
  let output: O;
  backend.binding = recorder.binding;
  recorderAtWork = recorder;
  try {
    output = runTidy(() => step(refillTree(input, distinct) as I));
    // Constants that the step returns are uploaded here, while the recorder still listens.
    backend.getInputTensorIds(flattenTree(output));
  } finally {
    backend.binding = real;
    recorderAtWork = undefined;
    recorder.dispose();
  }
  const outputs = flattenTree(output);
  outputs.forEach((tensor, i) => {
    recorder.addOutput(tensor, i);
  });
  tf.dispose(outputs.filter((tensor) => !inputs.includes(tensor)));
  tf.dispose(copies);
  return { nodes: recorder.nodes, output, outputs: outputs.length };
}

/** Runs a step, and frees all tensors that it made but those that it returns. */
export function runTidy<O extends TensorTree>(body: () => O): O {
  return tf.tidy(() => body() as unknown as tf.TensorContainer) as unknown as O;
}

/** The notes on one run of a step. */
class GraphRecorder {
  readonly nodes: GraphNode[] = [];
  /** The binding that takes notes. */
  readonly binding: Binding;
  private readonly real: Binding;
  private readonly memory: SharedMemory;
  /** The node that makes a tensor, by the tensor's number; its type; and, of floats (16 bits too) with an axis, its shape. */
  private readonly nodeOf = new Map<number, string>();
  private readonly typeOf = new Map<number, number>();
  private readonly shapeOf = new Map<number, string>();
  /** The nodes of small constants by their type, shape and bytes. */
  private readonly constants = new Map<string, string>();

  constructor(
    private readonly step: string,
    private readonly backend: NodeBackend,
    private readonly watch?: Watch,
  ) {
    this.real = backend.binding;
    this.memory = new SharedMemory(this.real);
    // The binding's own properties are read-only, so the recorder inherits from it and defines its own.
    this.binding = Object.create(this.real, {
      createTensor: { value: this.createTensor.bind(this) },
      executeOp: { value: this.executeOp.bind(this) },
      tensorDataSync: {
        value: () => this.fail('reads the values of a tensor (dataSync or data); compute with tensors instead'),
      },
    });
  }

  addPlaceholder(tensor: tf.Tensor, index: number): void {
    const [id] = this.backend.getInputTensorIds([tensor]) as [number];
    const dtype = this.backend.typeAttributeFromTensor(tensor);
    this.nodes.push({
      name: `in${index}`,
      op: 'Placeholder',
      inputs: [],
      attributes: { dtype: { type: dtype }, shape: { shape: shapeValue(tensor.shape) } },
    });
    this.note({ id, dtype, shape: tensor.shape }, `in${index}`);
  }

  /** An output through an Identity has a buffer of its own, also where a step returns an input. */
  addOutput(tensor: tf.Tensor, index: number): void {
    const [id] = this.backend.getInputTensorIds([tensor]) as [number];
    const source = this.nodeOf.get(id) ?? this.fail('returns a tensor that was not computed from its inputs');
    const attributes = { T: { type: this.backend.typeAttributeFromTensor(tensor) } };
    this.nodes.push({ name: `out${index}`, op: 'Identity', inputs: [source], attributes });
  }

  /** A node with the value of a tensor, which waits for `dependency`. */
  order(id: number, type: number, dependency: tf.Tensor): TensorMetadata {
    const [awaited] = this.backend.getInputTensorIds([dependency]) as [number];
    const [metadata] = this.real.executeOp('Identity', [typeAttribute('T', type)], [id], 1) as [TensorMetadata];
    const name = `n${this.nodes.length}`;
    // "^" marks an input that is waited for and not read.
    const inputs = [this.nodeOf.get(id), `^${this.nodeOf.get(awaited)?.replace(/:\d+$/, '')}`] as string[];
    this.nodes.push({ name, op: 'Identity', inputs, attributes: { T: { type } } });
    this.note(metadata, name);
    return metadata;
  }

  dispose(): void {
    this.memory.dispose();
  }

  private createTensor(shape: number[], dtype: number, values: tf.TypedArray): number {
    const id = this.real.createTensor(shape, dtype, values);
    const bytes = Array.isArray(values) ? packValues(values, dtype, this.real) : bytesOf(values);
    // Shapes, axes and the like occur many times over; one node for all keeps the graph small for TensorFlow's optimizer.
    const key = bytes.length <= SMALL_CONSTANT ? `${dtype} ${shape} ${bytes}` : undefined;
    const known = key === undefined ? undefined : this.constants.get(key);
    const name = known ?? `c${id}`;
    if (known === undefined) {
      const tensor = { dtype, tensorShape: shapeValue(shape), tensorContent: bytes };
      this.nodes.push({ name, op: 'Const', inputs: [], attributes: { dtype: { type: dtype }, value: { tensor } } });
      if (key !== undefined) this.constants.set(key, name);
    }
    // No shape is noted: constants count by their value (see `executeOp`).
    this.nodeOf.set(id, name);
    this.typeOf.set(id, dtype);
    return id;
  }

  private executeOp(op: string, attributes: OperationAttribute[], ids: number[], count: number): TensorMetadata[] {
    const name = `n${this.nodes.length}`;
    this.watch?.(name, op);
    const results = this.execute(op, attributes, ids, count);
    const inputs = ids.map(
      (id) => this.nodeOf.get(id) ?? this.fail(`${op} uses a tensor made outside the step; pass it as an input`),
    );
    const inferred = (INFERRED_TYPES[op] ?? []).map((type, i) => [type, { type: this.typeOf.get(ids[i]!)! }]);
    const stated = attributes.map((attribute) => [attribute.name, attributeValue(attribute, this.real)]);
    this.nodes.push({ name, op, inputs, attributes: Object.fromEntries([...inferred, ...stated]) });
    results.forEach((tensor, i) => {
      this.note(tensor, i === 0 ? name : `${name}:${i}`);
    });
    return results;
  }

  private execute(op: string, attributes: OperationAttribute[], ids: number[], count: number): TensorMetadata[] {
    try {
      // Integers, such as a shape or an axis, count by their value, floats of one axis or more by their shape.
      const inputs = ids.map((id) => this.shapeOf.get(id) ?? this.nodeOf.get(id));
      const kind = `${op} ${JSON.stringify(attributes)} ${inputs.join(' ')}`;
      return this.memory.execute(kind, () => this.real.executeOp(op, attributes, ids, count));
    } catch (error) {
      return this.fail(`${op} ${callerPlace()}: ${(error as Error).message}`);
    }
  }

  /** Remembers which node makes a tensor. */
  private note({ id, dtype, shape }: TensorMetadata, node: string): void {
    this.nodeOf.set(id, node);
    this.typeOf.set(id, dtype);
    if ((dtype === this.real.TF_FLOAT || dtype === DT_BFLOAT16) && shape.length > 0) this.shapeOf.set(id, `[${shape}]`);
  }

  private fail(problem: string): never {
    throw new Error(`compiled step '${this.step}': ${problem}`);
  }
}

/** The innermost frame of the stack that is neither the engine's nor a package's: `at decoder.ts:57:12`, say. */
export function callerPlace(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  // Source maps give tfjs's frames the paths that its build knew.
  const isInside = (frame: string) => frame.includes(__dirname) || /node_modules|tfjs-core|\(node:/.test(frame);
  const place = frames.find((frame) => !isInside(frame) && PLACE.test(frame));
  return `at ${place === undefined ? 'an unknown place' : PLACE.exec(place)![1]}`;
}

/** File, line and column at the end of a frame. */
const PLACE = /([^/\\(\s]+:\d+:\d+)\)?$/;

/**
 * The inputs with a copy in place of each that was passed in before. Two inputs can be one tensor in the first call and two in
 * later ones (a policy and its reference model, which starts as the same weights): each needs a placeholder of its own.
 */
function copyAliases(
  backend: NodeBackend,
  inputs: readonly tf.Tensor[],
): { distinct: tf.Tensor[]; copies: tf.Tensor[] } {
  const seen = new Set<number>();
  const copies: tf.Tensor[] = [];
  const ids = backend.getInputTensorIds([...inputs]);
  const distinct = inputs.map((tensor, i) => {
    const id = ids[i]!;
    if (!seen.has(id)) {
      seen.add(id);
      return tensor;
    }
    const type = typeAttribute('T', backend.typeAttributeFromTensor(tensor));
    const [metadata] = backend.binding.executeOp('Identity', [type], [id], 1);
    const copy = backend.createOutputTensor(metadata!);
    copies.push(copy);
    return copy;
  });
  return { distinct, copies };
}

function bytesOf(values: tf.TypedArray): Uint8Array {
  return new Uint8Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));
}

/** tfjs also hands plain number lists to createTensor, for scalars and shapes. */
function packValues(values: number[], dtype: number, binding: Binding): Uint8Array {
  if (dtype === binding.TF_FLOAT) return bytesOf(new Float32Array(values));
  if (dtype === binding.TF_INT32) return bytesOf(new Int32Array(values));
  if (dtype === binding.TF_BOOL) return bytesOf(new Uint8Array(values));
  throw new Error(`a constant of TensorFlow type ${dtype} cannot be recorded`);
}

function attributeValue({ name, type, value }: OperationAttribute, binding: Binding): AttributeValue {
  switch (type) {
    case binding.TF_ATTR_STRING:
      return { s: new TextEncoder().encode(String(value)) };
    case binding.TF_ATTR_INT:
      return Array.isArray(value) ? { list: { i: value as number[] } } : { i: value as number };
    case binding.TF_ATTR_FLOAT:
      return Array.isArray(value) ? { list: { f: value as number[] } } : { f: value as number };
    case binding.TF_ATTR_BOOL:
      return Array.isArray(value) ? { list: { b: value as boolean[] } } : { b: Boolean(value) };
    case binding.TF_ATTR_TYPE:
      return { type: value as number };
    case binding.TF_ATTR_SHAPE:
      return { shape: shapeValue(value as number[]) };
    default:
      throw new Error(`attribute '${name}' of TensorFlow type ${type} cannot be recorded`);
  }
}
