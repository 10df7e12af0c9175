/**
 * Compiled steps: an ordinary function of tensors, recorded once per input shape and replayed as a TensorFlow graph.
 *
 * Every kernel of tfjs-node ends in `binding.executeOp(op, attributes, inputs, outputs)`, a TensorFlow operation.
 * While a step runs eagerly for the first time these calls are recorded; they become the nodes of a graph whose
 * placeholders are the step's inputs, and TensorFlow runs that graph from then on, without JavaScript between operations.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  type AttributeValue,
  encodeSavedModel,
  type GraphNode,
  type RecordedAttribute,
  shapeValue,
} from './graph-def.js';

/** Tensors in nested lists and objects; an absent (undefined) member counts for nothing. */
export type TensorTree = tf.Tensor | readonly TensorTree[] | { readonly [name: string]: TensorTree | undefined };

/** A compiled step: call it as the function; `dispose` frees its graphs. */
export interface CompiledStep<I extends TensorTree, O extends TensorTree> {
  (input: I): O;
  /** Number of graphs held: one for each combination of input shapes. */
  graphs(): number;
  /** Frees the step's own graphs; shared ones stay. */
  dispose(): void;
}

/**
 * Type attributes that tfjs leaves for eager TensorFlow to infer, and that a graph must state: the type of the first
 * input, of the second, ...
 */
const INFERRED_TYPES: { readonly [op: string]: readonly string[] } = { ExpandDims: ['T', 'Tdim'] };

/** Bytes up to which a constant is compared with those that the graph has already. */
const SMALL_CONSTANT = 64;

/** Bytes from which tensors of the recorded run share memory. */
const LARGE = 2 ** 20;

/** At most this many graphs a step; the least recently used goes first. */
const MOST_GRAPHS = 48;

/** The tensors of a tree, objects in the order of their sorted names. */
export function flattenTree(tree: TensorTree): tf.Tensor[] {
  if (tree instanceof tf.Tensor) return [tree];
  if (Array.isArray(tree)) return (tree as readonly TensorTree[]).flatMap(flattenTree);
  return presentMembers(tree as TensorObject).flatMap(([, branch]) => flattenTree(branch));
}

type TensorObject = { readonly [name: string]: TensorTree | undefined };

function presentMembers(object: TensorObject): [string, TensorTree][] {
  const members = Object.keys(object)
    .sort()
    .map((name) => [name, object[name]]);
  return members.filter(([, branch]) => branch !== undefined) as [string, TensorTree][];
}

/** The tree with each tensor replaced by the next of `tensors`. */
function refillTree(tree: TensorTree, tensors: tf.Tensor[]): TensorTree {
  if (tree instanceof tf.Tensor) return tensors.shift() as tf.Tensor;
  if (Array.isArray(tree)) return (tree as readonly TensorTree[]).map((branch) => refillTree(branch, tensors));
  const filled = presentMembers(tree as TensorObject).map(([name, branch]) => [name, refillTree(branch, tensors)]);
  return Object.fromEntries(filled);
}

/**
 * Compiles `step`, a pure function: its outputs depend on its input tensors and its constants alone. It must not read tensor
 * values, nor use tensors made outside (pass them in). While it is recorded a large tensor of floats may hold the numbers of another (see
 * `SharedMemory`), so that indices computed from such must be bounded whatever they are. On a backend other than TensorFlow, and with `REASON_RFT_EAGER=1`, the
 * function runs as it is.
 *
 * @param name for error messages
 * @param step called inside `tf.tidy`; what it returns is the caller's to dispose
 * @param constants what the step depends on beside its input, as plain JSON: steps of one name and equal constants share their
 *   graphs for the life of the process, so that a second training run builds none. The step receives them as its second argument:
 *   a step that reads nothing else cannot replay the graph of other constants. Without constants the graphs are the step's own
 * @throws Error naming the step, the operation that could not be recorded or failed, and its place in the caller's code
 */
export function compile<I extends TensorTree, O extends TensorTree, C extends object>(
  name: string,
  step: (input: I, constants: C) => O,
  constants?: C,
): CompiledStep<I, O> {
  const body = (input: I) => step(input, constants as C);
  const graphs = constants === undefined ? new Map<string, RecordedGraph<O>>() : sharedGraphs<O>(name, constants);
  const run = ((input: I): O => {
    if (tf.getBackend() !== 'tensorflow' || process.env.REASON_RFT_EAGER === '1') return tidyTree(() => body(input));
    const inputs = flattenTree(input);
    // Names count: equal shapes under other names are another step, such as adapters on other modules.
    const key = `${namesOf(input)} ${inputs.map((tensor) => `${tensor.dtype}[${tensor.shape}]`).join(' ')}`;
    const known = graphs.get(key);
    const replay = (graph: RecordedGraph<O>): O => {
      try {
        return graph.replay(inputs);
      } catch (error) {
        const { message } = error as Error;
        const node = /\{\{node (n\d+)\}\}/.exec(message)?.[1];
        const place = node === undefined ? '' : `${placeOf(node, name, body, input, inputs)}: `;
        throw new Error(`compiled step '${name}': ${place}${message}`);
      }
    };
    if (known) {
      graphs.delete(key);
      graphs.set(key, known);
      return replay(known);
    }
    const graph = record(name, body, input, inputs);
    graphs.set(key, graph);
    if (graphs.size > MOST_GRAPHS) {
      const [oldest] = graphs.keys();
      graphs.get(oldest as string)?.dispose();
      graphs.delete(oldest as string);
    }
    // The recorded run's own output is not returned: it can differ from the graph's in the last digits, and a resumed
    // process, which records again, must give the same numbers as one that only replays.
    return replay(graph);
  }) as CompiledStep<I, O>;
  run.graphs = () => graphs.size;
  run.dispose = () => {
    if (constants !== undefined) return;
    for (const graph of graphs.values()) graph.dispose();
    graphs.clear();
  };
  return run;
}

/** Notes, while a step is recorded, that a tensor must not be computed before another; else undefined. */
let recordOrder: ((x: tf.Tensor, dependency: tf.Tensor) => tf.Tensor) | undefined;

/**
 * The same tensor, from which a compiled step computes nothing before `dependency` is there. A graph computes whatever it can
 * as early as it can, and what it finds written twice only once; this keeps work that is meant to wait, or to be done again,
 * from being pulled forward. Outside a compiled step nothing needs holding back.
 */
export function runAfter<T extends tf.Tensor>(x: T, dependency: tf.Tensor): T {
  return (recordOrder ? recordOrder(x, dependency) : x) as T;
}

/** Graphs of steps that share them, by name and constants. */
const shelves = new Map<string, Map<string, unknown>>();

function sharedGraphs<O extends TensorTree>(name: string, constants: object): Map<string, RecordedGraph<O>> {
  const shelf = `${name} ${JSON.stringify(constants)}`;
  const graphs = shelves.get(shelf) ?? new Map<string, unknown>();
  shelves.set(shelf, graphs);
  return graphs as Map<string, RecordedGraph<O>>;
}

/** The names of a tree's members in order. */
function namesOf(tree: TensorTree): string {
  if (tree instanceof tf.Tensor) return '';
  if (Array.isArray(tree)) return `[${(tree as readonly TensorTree[]).map(namesOf)}]`;
  return `{${presentMembers(tree as TensorObject).map(([name, branch]) => name + namesOf(branch))}}`;
}

function tidyTree<O extends TensorTree>(body: () => O): O {
  return tf.tidy(() => body() as unknown as tf.TensorContainer) as unknown as O;
}

interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** The part of tfjs-node's binding that recording and replaying use. */
interface Binding {
  createTensor(shape: number[], dtype: number, values: tf.TypedArray): number;
  tensorDataSync(id: number): tf.TypedArray;
  executeOp(op: string, attributes: RecordedAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  deleteTensor(id: number): void;
  runSavedModel(id: number, inputs: number[], inputNames: string, outputNames: string): TensorMetadata[];
  [constant: string]: unknown;
}

interface NodeBackend {
  binding: Binding;
  getInputTensorIds(tensors: tf.Tensor[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  typeAttributeFromTensor(tensor: tf.Tensor): number;
}

class RecordedGraph<O extends TensorTree> {
  constructor(
    private readonly session: number,
    private readonly inputNames: string,
    private readonly outputNames: string,
    private readonly outputTree: TensorTree,
  ) {}

  replay(inputs: tf.Tensor[]): O {
    const backend = nodeBackend();
    const metadata = backend.binding.runSavedModel(
      this.session,
      backend.getInputTensorIds(inputs),
      this.inputNames,
      this.outputNames,
    );
    const outputs = metadata.map((each) => backend.createOutputTensor(each));
    return refillTree(this.outputTree, outputs) as O;
  }

  dispose(): void {
    nodeBackend().binding.deleteSavedModel(this.session);
  }
}

function nodeBackend(): NodeBackend {
  return tf.backend() as unknown as NodeBackend;
}

/**
 * Where in the caller's code the operation behind a node was asked for, in words. Only now, after a failure, is the step run
 * once more to find out: to note every operation's place would slow down each recording.
 */
function placeOf<I extends TensorTree, O extends TensorTree>(
  node: string,
  name: string,
  step: (input: I) => O,
  input: I,
  inputs: tf.Tensor[],
): string {
  let place = '';
  const watch = (each: string, op: string) => {
    if (each !== node) return;
    place = `${op} ${callerPlace()}`;
    throw new Error(place);
  };
  try {
    record(name, step, input, inputs, watch).dispose();
  } catch {
    // It ends where the place is found, or where the operation fails again.
  }
  return place;
}

/** The innermost frame of the stack that is neither the engine's nor a package's: `at decoder.ts:57:12`, say. */
function callerPlace(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  // Source maps give tfjs's frames the paths that its build knew.
  const isInside = (frame: string) => frame.includes(__dirname) || /node_modules|tfjs-core|\(node:/.test(frame);
  const places = frames.flatMap((each) => (isInside(each) ? [] : (/([^/\\(\s]+:\d+:\d+)\)?$/.exec(each)?.[1] ?? [])));
  return `at ${places[0] ?? 'an unknown place'}`;
}

/**
 * Runs the step eagerly, noting every operation, and builds the graph from the notes.
 *
 * @param watch hears of each node and its operation before that runs
 */
function record<I extends TensorTree, O extends TensorTree>(
  name: string,
  step: (input: I) => O,
  input: I,
  inputs: tf.Tensor[],
  watch?: (node: string, op: string) => void,
): RecordedGraph<O> {
  const backend = nodeBackend();
  const real = backend.binding;
  const nodes: GraphNode[] = [];
  const nameOf = new Map<number, string>();
  const typeOf = new Map<number, number>();
  const constants = new Map<string, string>();
  const memory = new SharedMemory(real);
  const shapeOf = new Map<number, string>();
  const noteShape = (id: number, dtype: number, shape: readonly number[]) => {
    if (dtype === real.TF_FLOAT && shape.length > 0) shapeOf.set(id, `[${shape}]`);
  };
  const fail = (problem: string): never => {
    throw new Error(`compiled step '${name}': ${problem}`);
  };

  const { distinct, copies } = withoutAliases(backend, inputs);
  backend.getInputTensorIds(distinct).forEach((id, i) => {
    const tensor = distinct[i] as tf.Tensor;
    nameOf.set(id, `in${i}`);
    noteShape(id, backend.typeAttributeFromTensor(tensor), tensor.shape);
    typeOf.set(id, backend.typeAttributeFromTensor(tensor));
    nodes.push({
      name: `in${i}`,
      op: 'Placeholder',
      inputs: [],
      attributes: {
        dtype: { type: backend.typeAttributeFromTensor(tensor) },
        shape: { shape: shapeValue(tensor.shape) },
      },
    });
  });

  const createTensor: Binding['createTensor'] = (shape, dtype, values) => {
    const id = real.createTensor(shape, dtype, values);
    const bytes = Array.isArray(values) ? packValues(values, dtype, real) : toBytes(values);
    // Shapes, axes and the like occur many times over; one node each keeps the graph small for TensorFlow's optimizer.
    const key = bytes.length <= SMALL_CONSTANT ? `${dtype} ${shape} ${bytes}` : undefined;
    const known = key === undefined ? undefined : constants.get(key);
    const node = known ?? `c${id}`;
    if (known === undefined) {
      const tensor = { dtype, tensorShape: shapeValue(shape), tensorContent: bytes };
      nodes.push({ name: node, op: 'Const', inputs: [], attributes: { dtype: { type: dtype }, value: { tensor } } });
      if (key !== undefined) constants.set(key, node);
    }
    nameOf.set(id, node);
    typeOf.set(id, dtype);
    return id;
  };
  const executeOp: Binding['executeOp'] = (op, attributes, ids, count) => {
    const node = `n${nodes.length}`;
    watch?.(node, op);
    let metadata: TensorMetadata[];
    try {
      // Integers, such as a shape or an axis, count by what they are, floats of one axis or more by their shape.
      const inputs = ids.map((id) => shapeOf.get(id) ?? nameOf.get(id));
      const kind = `${op} ${JSON.stringify(attributes)} ${inputs.join(' ')}`;
      metadata = memory.execute(kind, () => real.executeOp(op, attributes, ids, count));
    } catch (error) {
      return fail(`${op} ${callerPlace()}: ${(error as Error).message}`);
    }
    nodes.push({
      name: node,
      op,
      inputs: ids.map((id) => nameOf.get(id) ?? fail(`${op} uses a tensor made outside the step; pass it as an input`)),
      attributes: {
        ...Object.fromEntries(
          (INFERRED_TYPES[op] ?? []).map((each, i) => [each, { type: typeOf.get(ids[i]!) as number }]),
        ),
        ...Object.fromEntries(attributes.map((each) => [each.name, attributeValue(each, real)])),
      },
    });
    metadata.forEach((each, i) => {
      noteShape(each.id, each.dtype, each.shape);
      typeOf.set(each.id, each.dtype);
      nameOf.set(each.id, i === 0 ? node : `${node}:${i}`);
    });
    return metadata;
  };
  const tensorDataSync = () => fail('reads the values of a tensor (dataSync or data); compute with tensors instead');
  // The binding's own properties are read-only, so the recorder inherits from it and defines its own.
  const recorder: Binding = Object.create(real, {
    createTensor: { value: createTensor },
    executeOp: { value: executeOp },
    tensorDataSync: { value: tensorDataSync },
  });

  const order = (x: tf.Tensor, dependency: tf.Tensor): tf.Tensor => {
    const [id, after] = backend.getInputTensorIds([x, dependency]) as [number, number];
    const type = backend.typeAttributeFromTensor(x);
    const attribute = { name: 'T', type: real.TF_ATTR_TYPE as number, value: type };
    const [metadata] = real.executeOp('Identity', [attribute], [id], 1) as [TensorMetadata];
    const node = `n${nodes.length}`;
    // "^" marks an input that is waited for and not read.
    const inputs = [nameOf.get(id), `^${nameOf.get(after)?.replace(/:\d+$/, '')}`] as string[];
    nodes.push({ name: node, op: 'Identity', inputs, attributes: { T: { type } } });
    nameOf.set(metadata.id, node);
    noteShape(metadata.id, type, metadata.shape);
    typeOf.set(metadata.id, type);
    return backend.createOutputTensor(metadata);
  };

  let output: O;
  backend.binding = recorder;
  recordOrder = order;
  try {
    output = tidyTree(() => step(refillTree(input, [...distinct]) as I));
    // Constants that the step returns are uploaded here, while the recorder still listens.
    backend.getInputTensorIds(flattenTree(output));
  } finally {
    backend.binding = real;
    recordOrder = undefined;
    memory.dispose();
  }
  const outputs = flattenTree(output);
  const fetches = backend.getInputTensorIds(outputs).map((id, i) => {
    const source = nameOf.get(id) ?? fail('returns a tensor that was not computed from its inputs');
    // Fetching through an Identity gives every output its own buffer, also where a step returns an input.
    const attributes: Record<string, AttributeValue> = {
      T: { type: backend.typeAttributeFromTensor(outputs[i] as tf.Tensor) },
    };
    nodes.push({ name: `out${i}`, op: 'Identity', inputs: [source], attributes });
    return `out${i}:0`;
  });
  const placeholders = inputs.map((_, i) => `in${i}:0`);
  tf.dispose(outputs.filter((tensor) => !inputs.includes(tensor)));
  tf.dispose(copies);
  return new RecordedGraph<O>(loadGraph(real, nodes), placeholders.join(','), fetches.join(','), output);
}

/**
 * What keeps a recorded run small and short. All of its tensors live until its end, and nobody reads their numbers: so a large
 * tensor of floats gives its memory back and takes that of the first of its shape, and an operation that has made only such
 * tensors is not computed again on others of the same shapes.
 */
class SharedMemory {
  private readonly firsts = new Map<string, number>();
  private readonly results = new Map<string, TensorMetadata[]>();

  constructor(private readonly binding: Binding) {}

  /** @param kind what the shapes of the results follow from: the operation, its attributes and inputs */
  execute(kind: string, run: () => TensorMetadata[]): TensorMetadata[] {
    const known = this.results.get(kind);
    if (known) return known.map((each) => this.alias(each));
    const results = run();
    if (!results.every((each) => this.isLarge(each))) return results.map((each) => this.share(each));
    this.results.set(kind, results);
    return results.map((each) => this.share(each));
  }

  dispose(): void {
    for (const id of this.firsts.values()) this.binding.deleteTensor(id);
  }

  private isLarge({ dtype, shape }: TensorMetadata): boolean {
    return dtype === this.binding.TF_FLOAT && 4 * shape.reduce((a, b) => a * b, 1) >= LARGE;
  }

  /** The tensor, or, of a large one, another of its shape in its place. */
  private share(tensor: TensorMetadata): TensorMetadata {
    if (!this.isLarge(tensor)) return tensor;
    const key = String(tensor.shape);
    if (!this.firsts.has(key)) {
      this.firsts.set(key, tensor.id);
    } else {
      this.binding.deleteTensor(tensor.id);
    }
    return this.alias(tensor);
  }

  /** A tensor of its own in the memory of the first of this one's shape. */
  private alias({ dtype, shape }: TensorMetadata): TensorMetadata {
    const type = { name: 'T', type: this.binding.TF_ATTR_TYPE as number, value: dtype };
    const [alias] = this.binding.executeOp('Identity', [type], [this.firsts.get(String(shape))!], 1);
    return alias as TensorMetadata;
  }
}

/**
 * The inputs with a copy in place of each that was passed in before. Two inputs can be one tensor in the first call and two in
 * later ones (a policy and its reference model, which starts as the same weights): each needs a placeholder of its own.
 */
function withoutAliases(backend: NodeBackend, inputs: tf.Tensor[]): { distinct: tf.Tensor[]; copies: tf.Tensor[] } {
  const seen = new Set<number>();
  const copies: tf.Tensor[] = [];
  const ids = backend.getInputTensorIds(inputs);
  const distinct = inputs.map((tensor, i) => {
    const id = ids[i] as number;
    if (!seen.has(id)) {
      seen.add(id);
      return tensor;
    }
    const type = {
      name: 'T',
      type: backend.binding.TF_ATTR_TYPE as number,
      value: backend.typeAttributeFromTensor(tensor),
    };
    const [metadata] = backend.binding.executeOp('Identity', [type], [id], 1);
    const copy = backend.createOutputTensor(metadata as TensorMetadata);
    copies.push(copy);
    return copy;
  });
  return { distinct, copies };
}

function loadGraph(binding: Binding, nodes: GraphNode[]): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-graph-'));
  try {
    writeFileSync(path.join(folder, 'saved_model.pb'), encodeSavedModel(nodes));
    return binding.loadSavedModel(folder, 'serve');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function toBytes(values: tf.TypedArray): Uint8Array {
  return new Uint8Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));
}

/** tfjs also hands plain number lists to createTensor, for scalars and shapes. */
function packValues(values: number[], dtype: number, binding: Binding): Uint8Array {
  if (dtype === binding.TF_FLOAT) return toBytes(new Float32Array(values));
  if (dtype === binding.TF_INT32) return toBytes(new Int32Array(values));
  if (dtype === binding.TF_BOOL) return toBytes(new Uint8Array(values));
  throw new Error(`a constant of TensorFlow type ${dtype} cannot be recorded`);
}

function attributeValue({ name, type, value }: RecordedAttribute, binding: Binding): AttributeValue {
  const text = (s: unknown) => new TextEncoder().encode(String(s));
  switch (type) {
    case binding.TF_ATTR_STRING:
      return { s: text(value) };
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
