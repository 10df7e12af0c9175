/** Drives JupyterLab in a real browser: a server of its own, a notebook opened in it, cells run, outputs read. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { launchChromium } from '../../lib/plots/chromium.js';
import { kernelLine } from '../../lib/setup/kernel.js';

export interface JupyterLabOptions {
  /** The folder that JupyterLab shows: the repository. */
  root: string;
  /** The virtual environment with JupyterLab and the TypeScript kernel. */
  venv: string;
  /** Further environment variables for the server and its kernels. */
  env?: Readonly<Record<string, string>>;
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** A running JupyterLab with a browser; settings, workspaces and run-time files lie in a temporary folder. */
export class JupyterLab {
  private constructor(
    private readonly server: ChildProcess,
    private readonly browser: Browser,
    private readonly folder: string,
    private readonly address: string,
    private readonly token: string,
    private readonly log: string[],
    private readonly env: NodeJS.ProcessEnv,
    private readonly bin: string,
  ) {}

  /**
   * Starts a server on a free local port, with a random token, and a headless browser.
   *
   * @throws with the server's log where it does not answer within a minute
   */
  static async start(options: JupyterLabOptions): Promise<JupyterLab> {
    const port = await freePort();
    const token = randomBytes(16).toString('hex');
    const folder = mkdtempSync(join(tmpdir(), 'jupyterlab-'));
    // Every cell stays in the document, also those outside the window; and no question about news.
    const settings = join(folder, 'settings', '@jupyterlab');
    mkdirSync(join(settings, 'notebook-extension'), { recursive: true });
    mkdirSync(join(settings, 'apputils-extension'), { recursive: true });
    writeFileSync(
      join(settings, 'notebook-extension', 'tracker.jupyterlab-settings'),
      JSON.stringify({ windowingMode: 'none' }),
    );
    writeFileSync(
      join(settings, 'apputils-extension', 'notification.jupyterlab-settings'),
      JSON.stringify({ fetchNews: 'false', checkForUpdates: false }),
    );
    // The kernel of this checkout, whatever the environment has registered.
    const kernel = join(folder, 'data', 'kernels', 'tslab');
    mkdirSync(kernel, { recursive: true });
    const registered = {
      argv: kernelLine(),
      display_name: 'TypeScript',
      language: 'typescript',
      interrupt_mode: 'message',
    };
    writeFileSync(join(kernel, 'kernel.json'), JSON.stringify(registered));
    const bin = join(options.venv, process.platform === 'win32' ? 'Scripts' : 'bin');
    const log: string[] = [];
    const env = {
      ...process.env,
      PATH: [bin, join(options.root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
      // Kernels, and the signatures of trusted notebooks.
      JUPYTER_DATA_DIR: join(folder, 'data'),
      JUPYTERLAB_SETTINGS_DIR: join(folder, 'settings'),
      JUPYTERLAB_WORKSPACES_DIR: join(folder, 'workspaces'),
      JUPYTER_CONFIG_DIR: join(folder, 'config'),
      JUPYTER_RUNTIME_DIR: join(folder, 'runtime'),
      ...options.env,
    };
    const server = spawn(
      join(bin, 'jupyter-lab'),
      [
        '--no-browser',
        '--ip=127.0.0.1',
        `--port=${port}`,
        '--ServerApp.port_retries=0',
        `--IdentityProvider.token=${token}`,
        `--ServerApp.root_dir=${options.root}`,
        '--LabApp.expose_app_in_browser=True',
        ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
      ],
      {
        cwd: options.root,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => log.push(String(text)));
    const address = `http://127.0.0.1:${port}/`;
    try {
      await answers(server, `${address}api/status?token=${token}`, 60_000);
      return new JupyterLab(server, await launchChromium(), folder, address, token, log, env, bin);
    } catch (error) {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`JupyterLab did not start: ${String(error)}\n${log.join('')}`);
    }
  }

  /**
   * Opens a notebook and waits for its kernel.
   *
   * @param path relative to the root folder, with `/`
   * @param status of its kernel, which is `busy` where a cell that was started in an earlier page still runs
   */
  async open(path: string, status: 'idle' | 'busy' = 'idle'): Promise<LabNotebook> {
    const page = await this.browser.newPage({ viewport: { width: 1400, height: 1000 } });
    await page.goto(`${this.address}lab/tree/${path}?token=${this.token}`);
    await page.locator('.jp-Notebook .jp-Cell').first().waitFor({ timeout: 60_000 });
    const notebook = new LabNotebook(page);
    await notebook.waitForKernel(status);
    return notebook;
  }

  /** Trusts notebooks as `npm run lab` trusts the chapters, so that their scripts run. */
  trust(...files: string[]): void {
    execFileSync(join(this.bin, 'jupyter'), ['trust', ...files], { env: this.env });
  }

  /** What the server has written so far, its kernels' output included. */
  serverLog(): string {
    return this.log.join('');
  }

  /** Ends the browser, the kernels and the server. */
  async stop(): Promise<void> {
    await this.browser.close();
    const ended = new Promise((done) => this.server.once('exit', done));
    if (this.server.exitCode === null) {
      await fetch(`${this.address}api/shutdown?token=${this.token}`, { method: 'POST' }).catch(() => undefined);
      const timer = setTimeout(() => this.server.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until the server answers, or says why it never will. */
async function answers(server: ChildProcess, url: string, timeout: number): Promise<void> {
  const end = Date.now() + timeout;
  for (;;) {
    const ok = await fetch(url).then(
      (reply) => reply.ok,
      () => false,
    );
    if (ok) return;
    if (server.exitCode !== null) throw new Error(`the server ended with code ${server.exitCode}`);
    if (Date.now() > end) throw new Error('the server does not answer');
    await new Promise((done) => setTimeout(done, 200));
  }
}

/** What the page says of its application when the server exposes it. */
type ExposedWindow = Window & {
  jupyterapp: {
    commands: { execute(id: string, options?: object): Promise<unknown> };
    shell: {
      currentWidget: {
        context: { model: { dirty: boolean } };
        sessionContext: { session?: { kernel?: { status: string } } };
      } | null;
    };
  };
};

/** A notebook that is open in the browser. */
export class LabNotebook {
  constructor(readonly page: Page) {}

  private async command(id: string): Promise<void> {
    await this.page.evaluate((name) => {
      // Not awaited in the page: a command that runs cells would only return when they have run.
      void (window as unknown as ExposedWindow).jupyterapp.commands.execute(name);
    }, id);
  }

  /** Waits until the kernel says `idle` (ready) or `busy` (running a cell). */
  async waitForKernel(status: 'idle' | 'busy', timeout = 60_000): Promise<void> {
    await this.page.waitForFunction(
      (wanted) =>
        (window as unknown as ExposedWindow).jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status ===
        wanted,
      status,
      { timeout },
    );
  }

  /** Cell number `index`, from 0, text cells counted. */
  cell(index: number): Locator {
    return this.page.locator('.jp-Notebook .jp-Cell').nth(index);
  }

  /** Starts all cells from the first. */
  async runAll(): Promise<void> {
    await this.command('notebook:run-all-cells');
  }

  /** Starts one cell. */
  async run(index: number): Promise<void> {
    await this.cell(index).locator('.jp-InputArea-editor').click();
    await this.command('notebook:run-cell');
  }

  /** Waits until a started code cell has its number, `[3]:` instead of `[*]:`. */
  async waitForCell(index: number, timeout: number): Promise<void> {
    const prompt = this.cell(index).locator('.jp-InputPrompt');
    const end = Date.now() + timeout;
    while (!/\[\d+\]/.test((await prompt.textContent()) ?? '')) {
      if (Date.now() > end) throw new Error(`cell ${index} did not end within ${timeout} ms`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** The text of a cell's outputs, as the reader sees it. */
  async outputText(index: number): Promise<string> {
    return this.cell(index).locator('.jp-Cell-outputArea').innerText();
  }

  /** The drawn curves of a cell's Plotly charts, as the `d` of their SVG paths: they differ when the picture does. */
  async curves(index: number): Promise<string[]> {
    return this.cell(index)
      .locator('.js-plotly-plot path.js-line')
      .evaluateAll((paths) => paths.map((path) => path.getAttribute('d') ?? ''));
  }

  /** Interrupts the kernel, as the stop button does. */
  async interrupt(): Promise<void> {
    await this.command('notebook:interrupt-kernel');
  }

  /** Whether JupyterLab holds the notebook for changed, and will write it at the next autosave. */
  async changed(): Promise<boolean> {
    return this.page.evaluate(
      () => (window as unknown as ExposedWindow).jupyterapp.shell.currentWidget!.context.model.dirty,
    );
  }

  /** Saves the notebook. */
  async save(): Promise<void> {
    await this.page.evaluate(() =>
      (window as unknown as ExposedWindow).jupyterapp.commands.execute('docmanager:save').then(() => undefined),
    );
  }
}
