/**
 * The names of a checkpoint's tensors in their two layouts.
 *
 * The published checkpoints of Qwen2-VL and Qwen2.5-VL, the files that transformers saves of them, and the kit in memory say
 * `model.layers.0...` and `visual.blocks.0...`. transformers' modules have been named `model.language_model.layers.0...` and
 * `model.visual.blocks.0...` since 4.52. Qwen3-VL's checkpoints and PEFT's files have these names, and so have checkpoints that other
 * tools write from the modules as they stand. `lm_head.weight` is the same in both.
 */

/** `published`, after the first two families: `model.layers.0...`; `modules`: `model.language_model.layers.0...`. */
export type TensorLayout = 'published' | 'modules';

/** The name in a layout, from the published one. */
export function nameInLayout(published: string, layout: TensorLayout): string {
  return layout === 'modules' ? moduleName(published) : published;
}

/** The published name of a tensor or module, from its name in either layout. */
export function publishedName(name: string): string {
  return name.replace(/^model\.language_model\./, 'model.').replace(/^model\.visual\./, 'visual.');
}

/** The name in transformers' modules, from the published one. */
export function moduleName(name: string): string {
  return name.startsWith('visual.') ? `model.${name}` : name.replace(/^model\./, 'model.language_model.');
}
