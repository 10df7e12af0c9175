/**
 * Compiled steps: an ordinary function of tensors, recorded once for each combination of input shapes (see `record.ts`), which
 * TensorFlow then runs as a graph, without JavaScript between operations.
 */
import type * as tf from '@tensorflow/tfjs';
import { asksXla } from './backend.js';
import { encodeGraph } from './graph-def.js';
import { callerPlace, type Recording, record, runTidy } from './record.js';
import { flattenTree, refillTree, type TensorTree, treeNames } from './tensor-tree.js';
import { flagAttribute, isTensorFlow, nodeBackend } from './tfjs-node.js';

/** A compiled step: call it as the function; `dispose` frees its graphs. */
export interface CompiledStep<I extends TensorTree, O extends TensorTree> {
  (input: I): O;
  /** Number of graphs held: one for each combination of input shapes. */
  graphs(): number;
  /** Frees the step's own graphs; shared ones stay. */
  dispose(): void;
}

/** A step holds at most so many graphs; the least recently used goes first. */
const MOST_GRAPHS = 48;
/**
 * So many steps share their graphs at a time; those of the step that was least recently used are freed first. Each set of settings
 * brings two or three steps of its own, and a process that trains many runs, such as a notebook's kernel, would else hold them all.
 */
const MOST_SHARED_STEPS = 16;

/**
 * Compiles `step`, a pure function: its outputs depend on its input tensors and its constants alone. It must not read tensor
 * values, nor use tensors made outside (pass them in). While it is recorded, a large tensor of floats may hold the numbers of
 * another (see `SharedMemory`), so an index that is computed from floats must be kept within bounds for any numbers. On a backend
 * other than TensorFlow, and with `REASON_RFT_EAGER=1`, the function runs as it is.
 *
 * @param name for error messages
 * @param step called inside `tf.tidy`; what it returns is the caller's to dispose
 * @param constants all that the step depends on beside its input, as plain JSON. Steps of one name and equal constants share their
 *   graphs beyond the life of any of them, so that a second training run builds none. The step receives them as its second argument:
 *   a step that reads nothing else cannot replay the graph of other constants. Without constants, a step has its own graphs.
 * @throws Error naming the step, the operation that could not be recorded or failed, and its place in the caller's code
 */
export function compile<I extends TensorTree, O extends TensorTree, C extends object>(
  name: string,
  step: (input: I, constants: C) => O,
  constants?: C,
): CompiledStep<I, O> {
  const body = (input: I) => step(input, constants as C);
  const own: Graphs = new Map();
  const shelf = constants === undefined ? undefined : `${name} ${JSON.stringify(constants)}`;
  /** The step's graphs. Shared ones may have been freed since the last call. */
  const held = () => (shelf === undefined ? own : sharedGraphs(shelf));

  /** The graph for inputs of these names, types and shapes, which becomes the most recently used. */
  const graphFor = (input: I, inputs: readonly tf.Tensor[]): CompiledGraph => {
    // Names count: equal shapes under other names are another step, such as adapters on other modules.
    const key = `${treeNames(input)} ${inputs.map((tensor) => `${tensor.dtype}[${tensor.shape}]`).join(' ')}`;
    const graphs = held();
    const known = graphs.get(key);
    const graph = known ?? new CompiledGraph(record(name, body, input, inputs), inputs.length);
    graphs.delete(key);
    graphs.set(key, graph);
    if (graphs.size > MOST_GRAPHS) {
      const [oldest] = graphs.keys();
      graphs.get(oldest as string)?.dispose();
      graphs.delete(oldest as string);
    }
    return graph;
  };
  const run = (input: I): O => {
    if (!isTensorFlow() || process.env.REASON_RFT_EAGER === '1') return runTidy(() => body(input));
    const inputs = flattenTree(input);
    const graph = graphFor(input, inputs);
    // The first call too returns the graph's output, not the recorded run's, which can differ in the last digits: a resumed
    // process, which records again, must give the same numbers as one that only replays.
    try {
      return graph.replay(inputs) as O;
    } catch (error) {
      const { message } = error as Error;
      const node = /\{\{node (n\d+)\}\}/.exec(message)?.[1];
      const place = node === undefined ? '' : `${placeOf(node, name, body, input, inputs)}: `;
      throw new Error(`compiled step '${name}': ${place}${message}`);
    }
  };
  return Object.assign(run, {
    graphs: () => held().size,
    dispose: () => {
      freeGraphs(own);
    },
  });
}

/** Graphs by the names, types and shapes of their inputs, the most recently used last. */
type Graphs = Map<string, CompiledGraph>;

/** The graphs of steps that share them, by name and constants, those of the most recently used step last. */
const shelves = new Map<string, Graphs>();

function sharedGraphs(shelf: string): Graphs {
  const graphs: Graphs = shelves.get(shelf) ?? new Map();
  shelves.delete(shelf);
  shelves.set(shelf, graphs);
  if (shelves.size > MOST_SHARED_STEPS) {
    const [oldest] = shelves.keys();
    freeGraphs(shelves.get(oldest as string)!);
    shelves.delete(oldest as string);
  }
  return graphs;
}

function freeGraphs(graphs: Graphs): void {
  for (const graph of graphs.values()) graph.dispose();
  graphs.clear();
}

/** How many recordings this process has made operations of: each needs a name of its own. */
let recordings = 0;

/**
 * A recording that TensorFlow's eager context knows as an operation: its inputs and outputs stay where they are computed, on a GPU
 * too, where a session would take and give them on the host.
 */
class CompiledGraph {
  private readonly operation = `RecordedStep${recordings++}`;
  private readonly outputs: number;
  private readonly output: TensorTree;
  private readonly attributes = asksXla() ? [flagAttribute('_XlaMustCompile', true)] : [];

  constructor({ nodes, output, outputs }: Recording, inputs: number) {
    const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}${i}`);
    const graph = encodeGraph(nodes);
    nodeBackend().binding.addFunction(this.operation, graph, names('in', inputs), names('out', outputs));
    this.outputs = outputs;
    this.output = output;
  }

  replay(inputs: tf.Tensor[]): TensorTree {
    const backend = nodeBackend();
    const ids = backend.getInputTensorIds(inputs);
    const results = backend.binding.executeOp(this.operation, this.attributes, ids, this.outputs);
    return refillTree(
      this.output,
      results.map((metadata) => backend.createOutputTensor(metadata)),
    );
  }

  dispose(): void {
    nodeBackend().binding.removeFunction(this.operation);
  }
}

/**
 * The operation behind a node and its place in the caller's code, in words. Only after a failure is the step recorded once more
 * to find them: noting every operation's place would slow down each recording.
 */
function placeOf<I extends TensorTree, O extends TensorTree>(
  node: string,
  name: string,
  step: (input: I) => O,
  input: I,
  inputs: readonly tf.Tensor[],
): string {
  let place = '';
  const watch = (running: string, op: string) => {
    if (running !== node) return;
    place = `${op} ${callerPlace()}`;
    throw new Error(place);
  };
  try {
    record(name, step, input, inputs, watch);
  } catch {
    // It ends where the place is found, or where the operation fails again.
  }
  return place;
}
