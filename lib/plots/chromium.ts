/** The Chromium that draws figures: an installed one, or the one inside an npm package, unpacked into the repository. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { makePartialFolder, placeFolder } from '../engine/partial-folder.js';

/** Names under which browsers are found on the search path. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge', 'chrome'];

/** Where browsers lie that are not on the search path. */
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
];

/** Where the packaged browser's system libraries lie, below its folder. */
const LIBRARIES = path.join('al2023', 'lib');

/** The browser that `CHROMIUM_PATH` names, an installed one, or one that was unpacked before; undefined if there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH;
  const onPath = (process.env.PATH ?? '')
    .split(path.delimiter)
    .flatMap((folder) => NAMES.map((name) => path.join(folder, name)));
  return [...(named ? [named] : []), ...onPath, ...PLACES, unpackedChromium()].find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `node_modules/.cache/chromium` of the repository: it goes with the packages it came from. */
function cacheFolder(): string {
  let folder = __dirname;
  while (!existsSync(path.join(folder, 'node_modules', '@sparticuz'))) {
    const parent = path.dirname(folder);
    if (parent === folder)
      throw new Error('the package @sparticuz/chromium is not installed; run npm start, which installs it');
    folder = parent;
  }
  return path.join(folder, 'node_modules', '.cache', 'chromium');
}

function unpackedChromium(): string {
  try {
    return path.join(cacheFolder(), 'chromium');
  } catch {
    return '';
  }
}

/**
 * Finds a browser; if there is none, unpacks the packaged one (Linux x64, about 200 MB).
 *
 * @returns the path of its program
 * @throws Error saying what to install if the packaged one does not run
 */
export async function ensureChromium(): Promise<string> {
  const installed = findChromium();
  if (installed) return installed;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('no Chromium, Chrome or Edge was found; install one, or set CHROMIUM_PATH to its program');
  }
  const target = cacheFolder();
  const partial = makePartialFolder(target);
  // The package unpacks into the temporary folder of its process, so that process gets one of ours; it brings the system
  // libraries that a bare machine lacks only where it believes to run on Lambda.
  const script = "import('@sparticuz/chromium').then((m) => m.default.executablePath()).then(() => process.exit(0))";
  await promisify(execFile)(process.execPath, ['-e', script], {
    cwd: __dirname,
    env: { ...process.env, TMPDIR: partial, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' },
  });
  const libraries = path.join(partial, LIBRARIES);
  const withoutThem = await loadingError(partial);
  if (withoutThem === undefined) rmSync(path.dirname(libraries), { recursive: true, force: true });
  else {
    const withThem = await loadingError(partial, libraries);
    if (withThem !== undefined) {
      rmSync(partial, { recursive: true, force: true });
      throw new Error(
        `the packaged Chromium does not start here (${withThem}); install Chrome or Chromium, or set CHROMIUM_PATH to its program`,
      );
    }
  }
  writeFileSync(path.join(partial, 'fonts.conf'), fontConfiguration(target));
  // A folder without the program is the rest of an older set-up; one with it has just been unpacked by another process.
  if (!isExecutable(unpackedChromium())) rmSync(target, { recursive: true, force: true });
  if (!placeFolder(partial, target)) rmSync(partial, { recursive: true, force: true });
  return unpackedChromium();
}

/** The reason why the browser in a folder cannot be loaded, such as a missing system library; undefined if it can. */
async function loadingError(folder: string, ...libraries: string[]): Promise<string | undefined> {
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath(folder, ...libraries) };
  return promisify(execFile)(path.join(folder, 'chromium'), ['--version', '--no-sandbox'], {
    env,
    timeout: 30_000,
  }).then(
    () => undefined,
    (error: Error & { stderr?: string }) => error.stderr?.trim().split('\n').at(-1) || error.message,
  );
}

function libraryPath(...folders: string[]): string {
  return [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
}

/** Lets the packaged browser see the machine's fonts, and its own where the machine has none. */
function fontConfiguration(folder: string): string {
  const fonts = ['/usr/share/fonts', '/usr/local/share/fonts', path.join(folder, 'fonts')].map(
    (dir) => `<dir>${dir}</dir>`,
  );
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>${fonts.join('')}<cachedir>${path.join(folder, 'font-cache')}</cachedir></fontconfig>
`;
}

/** Starts the browser without a window. The caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = await ensureChromium();
  const own = path.dirname(executablePath);
  const packaged = existsSync(path.join(own, 'fonts.conf'));
  const env = packaged
    ? {
        ...process.env,
        FONTCONFIG_PATH: own,
        LD_LIBRARY_PATH: libraryPath(own, ...[path.join(own, LIBRARIES)].filter(existsSync)),
      }
    : process.env;
  // The signals stay this process's: an interrupt stops a training cell and must not end the kernel with the browser.
  return chromium.launch({
    executablePath,
    headless: true,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    env: env as { [name: string]: string },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
