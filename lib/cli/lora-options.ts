/** `--lora-rank`, `--lora-alpha`, `--lora-modules` and `--lora-dropout`: whether adapters are trained in place of all weights, and which. */
import type { Command } from 'commander';
import { checkLora, LORA_DEFAULTS, type LoraSettings } from '../model/lora.js';
import { checkUsage, parseWholeNumber } from './usage.js';

export interface LoraOptions {
  loraRank: string;
  loraAlpha?: string;
  loraModules: string;
  loraDropout: string;
}

/** Adds the options of adapters to a command that trains. */
export function addLoraOptions(command: Command): Command {
  return command
    .option('--lora-rank <n>', 'train adapters (LoRA) of this rank in place of all weights; 0: all weights', '0')
    .option('--lora-alpha <x>', 'the output of adapters is scaled by alpha / rank (default: twice the rank)')
    .option(
      '--lora-modules <names>',
      'the modules that get adapters: ends of their names, all-linear, or /a regular expression/',
      LORA_DEFAULTS.targetModules,
    )
    .option('--lora-dropout <share>', 'share of the numbers that adapters take in that training sets to 0', '0');
}

/**
 * The adapters that the options ask for; undefined where the rank is 0.
 *
 * @throws UsageError naming the option that is impossible
 */
export function loraSettings({ loraRank, loraAlpha, loraModules, loraDropout }: LoraOptions): LoraSettings | undefined {
  const rank = parseWholeNumber('--lora-rank', loraRank, 0);
  if (rank === 0) return undefined;
  const alpha = loraAlpha === undefined ? 2 * rank : Number(loraAlpha);
  const settings = { ...LORA_DEFAULTS, rank, alpha, targetModules: loraModules, dropout: Number(loraDropout) };
  checkUsage(() => checkLora(settings));
  return settings;
}
