/** Lets the large tensors of a recording share memory, so that recording a step needs little memory and little time. */
import type { Binding, TensorMetadata } from './tfjs-node.js';

/**
 * Bytes from which tensors of a recorded run share memory. A step on a few hundred tokens has thousands of tensors below a megabyte:
 * with that as the bound, recording a GRPO step of a model of width 512 took 500 MB.
 */
const LARGE = 2 ** 17;

/**
 * Runs the operations of a recorded step so that its large tensors share memory.
 *
 * All tensors of a recorded run live until its end, and nobody reads their numbers. So a large tensor of floats or truth values gives its memory
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
    const { TF_FLOAT, TF_BOOL } = this.binding;
    const bytes = dtype === TF_FLOAT ? 4 : dtype === TF_BOOL ? 1 : 0;
    return bytes * shape.reduce((a, b) => a * b, 1) >= LARGE;
  }

  /** The tensor; in place of a large one, another of its shape. */
  private share(tensor: TensorMetadata): TensorMetadata {
    if (!this.isLarge(tensor)) return tensor;
    const key = keyOf(tensor);
    if (!this.firsts.has(key)) {
      this.firsts.set(key, tensor.id);
    } else {
      this.binding.deleteTensor(tensor.id);
    }
    return this.alias(tensor);
  }

  /** A tensor of its own in the memory of the first of this one's shape. */
  private alias(tensor: TensorMetadata): TensorMetadata {
    const key = keyOf(tensor);
    const type = { name: 'T', type: this.binding.TF_ATTR_TYPE, value: tensor.dtype };
    const [alias] = this.binding.executeOp('Identity', [type], [this.firsts.get(key)!], 1);
    return alias!;
  }
}

/** Tensors of one type and shape share memory. */
function keyOf({ dtype, shape }: TensorMetadata): string {
  return `${dtype} ${shape}`;
}
