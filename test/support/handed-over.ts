/** Rows, own rewards and settings of a small experiment that tests hand over, and the reward server of the folder that comes of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../lib/study/workspace.js';

/** The token of tests. */
export const REWARD_TOKEN = 'a-token-of-sixteen-or-more';

/** The words of the shell that start the kit's command line from its sources, wherever one stands. */
const KIT = `${process.execPath} --import ${require.resolve('tsx')} ${path.join(repositoryRoot(), 'lib', 'cli', 'main.ts')}`;

/**
 * Writes rewards of one's own: `brevity` counts words by a file that it imports, does not apply to long texts, and waits; `agreement`
 * compares the completions of a group.
 *
 * @returns the list of rewards, two of the kit's among them
 */
export function writeOwnRewards(folder: string): string {
  mkdirSync(path.join(folder, 'mine'), { recursive: true });
  mkdirSync(path.join(folder, 'shared'), { recursive: true });
  writeFileSync(
    path.join(folder, 'shared', 'words.ts'),
    'export function words(text: string): number {\n  return text.split(/\\s+/).filter(Boolean).length;\n}\n',
  );
  writeFileSync(
    path.join(folder, 'mine', 'rewards.ts'),
    `import { words } from '../shared/words.js';

export async function brevity({ completion }: { completion: string }) {
  await new Promise((resolve) => setTimeout(resolve, 1));
  const count = words(completion);
  return { reward: count > 6 ? null : 1 / (1 + count), metrics: { words: count } };
}

export function agreement({ completion, group }: { completion: string; group: string[] }) {
  return group.filter((other) => other === completion).length / group.length;
}
`,
  );
  const file = path.join(folder, 'mine', 'rewards.ts');
  return `accuracy,format=0.5,${file}#brevity=0.2,${file}#agreement=0.25`;
}

/** The reward server that a folder's own script started. */
export interface StartedServer {
  url: string;
  /** Ends it at once, as a crash would, or as one asks it to. */
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>;
}

/** Starts the server of a folder that was handed over, by its script. @throws Error with what it wrote if it ends before it listens */
export async function startServer(folder: string): Promise<StartedServer> {
  const env = { ...process.env, REASON_RFT: KIT, REASON_RFT_REWARD_TOKEN: REWARD_TOKEN };
  const child: ChildProcess = spawn('sh', [path.join(folder, 'rewards', 'serve.sh'), '--port', '0', '--json'], { env });
  let [text, errors] = ['', ''];
  child.stderr!.on('data', (piece: Buffer) => {
    errors += piece;
  });
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (piece: Buffer) => {
      text += piece;
      if (text.includes('\n')) resolve((JSON.parse(text) as { address: string }).address);
    });
    child.once('close', () => reject(new Error(`the reward server ended: ${errors}`)));
  });
  return {
    url: address,
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, 'close');
    },
  };
}
