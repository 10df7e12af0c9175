/** A process in which the shipped model writes until it is interrupted, and which says whether signals came. Run by `engine/signals.test.ts`. */
import path from 'node:path';
import { startEngine } from '../../lib/engine/backend.js';
import { encodePrompt, loadModel } from '../../lib/model/model.js';
import { repositoryRoot } from '../../lib/study/workspace.js';

async function generate(): Promise<void> {
  await startEngine();
  const model = loadModel(path.join(repositoryRoot(), 'data', 'nano'));
  const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
  const prompts = Array.from({ length: 125 }, () => encodePrompt(model, [grey], 'How many objects are there?'));
  const settings = {
    temperature: 1,
    topP: 1,
    topK: 0,
    minP: 0,
    repetitionPenalty: 1,
    maxNewTokens: 16,
    completions: 1,
  };
  let came = 0;
  let ended = false;
  process.on('SIGUSR2', () => came++);
  process.on('SIGINT', () => {
    ended = true;
  });
  process.stdout.write('generating\n');
  for (let seed = 1; !ended; seed++) {
    model.generator.generate(model.parameters, prompts, { ...settings, seed });
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.stdout.write(came > 0 ? 'signals came\n' : 'no signal came\n');
  process.exit(0);
}

void generate();
