/** Lets the large tensors of a recording share memory, so that recording a step needs little memory and little time. */
import type { Binding, TensorMetadata } from './tfjs-node.js';

/** Bytes from which tensors of a recorded run share memory. */
const LARGE = 2 ** 20;

/**
 * Runs the operations of a recorded step so that its large tensors share memory.
 *
 * All tensors of a recorded run live until its end, and nobody reads their numbers. So a large tensor of floats gives its memory
 * back and takes that of the first of its shape, and an operation that has made only such tensors is not computed again on others
 * of the same shapes.
 */
export class SharedMemory {
  private readonly firsts = new Map<string, number>();
  private readonly results = new Map<string, TensorMetadata[]>();

  constructor(private readonly binding: Binding) {}

  /** @param kind all that decides the shapes of the results: the operation, its attributes and inputs */
  execute(kind: string, run: () => TensorMetadata[]): TensorMetadata[] {
    const known = this.results.get(kind);
    if (known) return known.map((tensor) => this.alias(tensor));
    const results = run();
    if (results.every((tensor) => this.isLarge(tensor))) this.results.set(kind, results);
    return results.map((tensor) => this.share(tensor));
  }

  dispose(): void {
    for (const id of this.firsts.values()) this.binding.deleteTensor(id);
  }

  private isLarge({ dtype, shape }: TensorMetadata): boolean {
    return dtype === this.binding.TF_FLOAT && 4 * shape.reduce((a, b) => a * b, 1) >= LARGE;
  }

  /** The tensor; in place of a large one, another of its shape. */
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
    const type = { name: 'T', type: this.binding.TF_ATTR_TYPE, value: dtype };
    const [alias] = this.binding.executeOp('Identity', [type], [this.firsts.get(String(shape))!], 1);
    return alias!;
  }
}
