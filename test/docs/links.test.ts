/**
 * What READMEs, notes and notebooks name is there: links, files, npm scripts, commands with their options, environment variables, and
 * the functions that tables name beside a file. The TypeScript that they show compiles.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import { Command } from 'commander';
import { settingNames } from '../../lib/cli/settings.js';
import { REWARDS } from '../../lib/rewards/rewards.js';
import { SCORERS } from '../../lib/rewards/scorers.js';
import { QUICK } from '../../lib/study/profile.js';

const ROOT = path.join(__dirname, '..', '..');
/** What git ignores, and what the fixtures of tests hold. */
const SKIPPED = /^(\.git|\.venv|\.cache|node_modules|runs|dist|fixtures|\.ipynb_checkpoints)$/;

/** A text to check, as Markdown. */
interface Document {
  /** Relative to the repository's root, with `/`. */
  file: string;
  text: string;
}

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.test(entry.name) ? [] : filesBelow(file);
    return [file];
  });
}

const FILES = filesBelow('.');
/** Every file below `lib`, `test`, `data` and `notebooks`, and every folder that holds one. */
const PLACES = new Set(FILES.flatMap((file) => [file, ...parents(file)]));

function parents(file: string): string[] {
  const folder = path.posix.dirname(file);
  return folder === '.' ? [] : [folder, ...parents(folder)];
}

function readDocument(file: string): Document {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  if (!file.endsWith('.ipynb')) return { file, text };
  return { file, text: notebookCells(text, 'markdown').join('\n\n') };
}

/** The TypeScript of a document: its `ts` blocks, or the code cells of a notebook. */
function codeOf(file: string): string {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  if (!file.endsWith('.ipynb')) return blocks({ file, text }, 'ts').join('\n');
  return notebookCells(text, 'code').join('\n');
}

function notebookCells(text: string, kind: 'code' | 'markdown'): string[] {
  const { cells } = JSON.parse(text) as { cells: { cell_type: string; source: string[] }[] };
  return cells.filter((cell) => cell.cell_type === kind).map((cell) => cell.source.join(''));
}

const DOCUMENTS = FILES.filter((file) => /\.(md|ipynb)$/.test(file)).map(readDocument);

/** The text without its fenced blocks of code. */
function prose({ text }: Document): string {
  return text.replaceAll(/^```.*?^```/gms, '');
}

/** The fenced blocks of code in one of some languages. */
function blocks({ text }: Document, ...languages: readonly string[]): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)]
    .filter(([, language]) => languages.includes(language!))
    .map(([, , code]) => code!);
}

/** What stands between back-ticks. */
function inlineCode(document: Document): string[] {
  return [...prose(document).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** The anchors of a Markdown text's headings, as GitHub makes them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The links of a document that lead nowhere. */
function brokenLinks(document: Document): string[] {
  const targets = [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file, anchor] = target.split('#') as [string, string?];
    const place = file === '' ? document.file : path.posix.join(path.posix.dirname(document.file), decodeURI(file));
    if (!existsSync(path.join(ROOT, place))) return true;
    return anchor !== undefined && !anchors(readFileSync(path.join(ROOT, place), 'utf8')).includes(anchor);
  });
}

/**
 * The files and folders that a document names and that are not there. A source may be named by the end of its path (`adamw.ts`);
 * what begins with a folder of the repository is named from its root or from the document's folder. What runs write is not looked for.
 */
function missingPlaces(document: Document): string[] {
  return inlineCode(document).filter((code) => {
    if (!/^[\w.*-]+(\/[\w.*-]+)*\/?$/.test(code)) return false;
    if (code.startsWith('../')) return !PLACES.has(path.posix.join(path.posix.dirname(document.file), code));
    const fromRoot = /^(lib|test|notebooks|data\/(nano|notes|results))(\/|$)/.test(code);
    if (!fromRoot && !/\.(ts|mjs|cjs|ipynb|md)$/.test(code)) return false;
    const pattern = code.replace(/\/$/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*');
    const ending = new RegExp(`(^|/)${pattern}$`);
    return ![...PLACES].some((place) => ending.test(place));
  });
}

/** The options of each command of `reason-rft`, and those that the npm scripts take together. */
interface Options {
  commands: ReadonlyMap<string, readonly string[]>;
  setUp: readonly string[];
}

function optionsIn(text: string): string[] {
  return [...text.matchAll(/(?<![\w-])--[a-zA-Z][\w.-]*/g)].map(([option]) => option);
}

/** The options as commander knows them, of every command; those of `npm run` as their help lists them. */
async function readOptions(): Promise<Options> {
  const folder = path.join(ROOT, 'lib', 'cli', 'commands');
  const program = new Command();
  for (const file of readdirSync(folder)) {
    const module = (await import(path.join(folder, file))) as { [name: string]: (program: Command) => void };
    for (const [name, add] of Object.entries(module)) if (name.startsWith('add')) add(program);
  }
  const commands = new Map(program.commands.map((command) => [command.name(), longOptions(command)]));
  const settings = { sft: settingNames(QUICK.cotSft), grpo: settingNames(QUICK.grpo) };
  for (const [name, names] of Object.entries(settings))
    commands.set(name, [...commands.get(name)!, ...names.map((setting) => `--${setting}`)]);
  const bootstrap = path.join('lib', 'setup', 'bootstrap.mjs');
  const help = execFileSync(process.execPath, [bootstrap, 'start', '--help'], { cwd: ROOT, encoding: 'utf8' });
  return { commands, setUp: optionsIn(help) };
}

function longOptions(command: Command): string[] {
  return command.options.flatMap(({ long }) => (long ? [long] : []));
}

/** The lines of shell blocks, and of code within sentences, that run npm or the kit. */
function commandLines(document: Document): string[] {
  const lines = [...blocks(document, 'sh', 'bash').flatMap((code) => code.split('\n')), ...inlineCode(document)];
  return lines.map((line) => line.replace(/\s#.*$/, '').trim()).filter((line) => /^(npm|npx|reason-rft) /.test(line));
}

/** The command of `reason-rft` that a line runs, and its options. */
function cliCommand(line: string): { name: string; options: string[] } | undefined {
  const [, name, rest] = /^(?:npx )?reason-rft ([a-z][\w-]*)(.*)$/.exec(line) ?? [];
  return name === undefined ? undefined : { name, options: optionsIn(rest!) };
}

/** What a document's commands ask for that is not there. */
function unknownCommands(document: Document, { commands, setUp }: Options): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const every = [...commands.values()].flat();
  const lone = inlineCode(document)
    .filter((code) => code.startsWith('--'))
    .flatMap((code) => optionsIn(code).slice(0, 1))
    .filter((option) => ![...every, ...setUp].includes(option));
  const inLines = commandLines(document).flatMap((line) => {
    const cli = cliCommand(line);
    if (cli) {
      const known = commands.get(cli.name);
      if (!known) return [`reason-rft ${cli.name}`];
      return cli.options
        .filter((option) => option !== '--help' && !known.includes(option))
        .map((o) => `${cli.name} ${o}`);
    }
    const [, script] = /^npm (?:run )?([\w-]+)/.exec(line) ?? [];
    // A folder that is installed is a link to it, and no script.
    if (script === undefined || /^npm install \.\.\//.test(line)) return [];
    if (!Object.hasOwn(scripts, script)) return [`npm run ${script}`];
    const known = [...setUp, ...(script === 'study' ? (commands.get('study') ?? []) : [])];
    return optionsIn(line)
      .filter((option) => !known.includes(option))
      .map((option) => `npm run ${script} ${option}`);
  });
  return [...lone, ...inLines];
}

/** Variables of the environment that a document names and that no source reads. */
function unknownVariables({ text }: Document): string[] {
  const sources = FILES.filter((file) => /^lib\/.*\.(ts|mjs|py)$/.test(file));
  const read = sources.map((file) => readFileSync(path.join(ROOT, file), 'utf8')).join('\n');
  const named = new Set([...text.matchAll(/\bREASON_RFT_[A-Z_]+\b/g)].map(([name]) => name));
  return [...named].filter((name) => !read.includes(name));
}

/** Functions that a table names beside a source (`| part | \`file.ts\` | \`name\`, \`name\` |`) and that the source does not define. */
function unknownFunctions(document: Document): string[] {
  const rows = [...document.text.matchAll(/^\|[^|]*\| `([\w./-]+\.ts)` \|([^|]*)\|$/gm)];
  return rows.flatMap(([, file, functions]) => {
    const place = path.posix.join(path.posix.dirname(document.file), file!);
    const source = existsSync(path.join(ROOT, place)) ? readFileSync(path.join(ROOT, place), 'utf8') : '';
    return [...functions!.matchAll(/`(\w+)`/g)]
      .filter(([, name]) => !new RegExp(`function ${name}\\b`).test(source))
      .map(([, name]) => `${name} in ${file}`);
  });
}

let options: Options;
before(async () => {
  options = await readOptions();
});

/** What a document names and what is not there, by its kind; kinds of which all is there are left out. */
function missing(document: Document): { [kind: string]: string[] } {
  const found = {
    'links that lead nowhere': brokenLinks(document),
    'files that are not there': missingPlaces(document),
    'commands and options that do not exist': unknownCommands(document, options),
    'variables that nothing reads': unknownVariables(document),
    'functions that are not in the file beside them': unknownFunctions(document),
  };
  return Object.fromEntries(Object.entries(found).filter(([, names]) => names.length > 0));
}

for (const document of DOCUMENTS) {
  test(`what ${document.file} names is there`, () => {
    assert.deepEqual(missing(document), {});
  });
}

test('the TypeScript that documents show compiles against lib, a notebook as one module', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-documents-'));
  try {
    for (const { file } of DOCUMENTS) {
      const name = file.replaceAll(/[^\w]/g, '-');
      writeFileSync(path.join(folder, `${name}.ts`), `${codeOf(file)}\nexport {};\n`);
    }
    const compilerOptions = {
      ...{ module: 'esnext', moduleResolution: 'bundler', noEmit: true },
      ...{ noUnusedLocals: false, noUnusedParameters: false, noUncheckedIndexedAccess: false },
      typeRoots: [path.join(ROOT, 'node_modules', '@types')],
      paths: {
        'reason-rft': [path.join(ROOT, 'lib', 'index.ts')],
        'reason-rft/*': [path.join(ROOT, 'lib', '*.ts')],
      },
    };
    const project = { extends: path.join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(project));
    const compiler = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the files that comments of lib name are there', () => {
  const sources = FILES.filter((file) => /^lib\/.*\.(ts|mjs)$/.test(file));
  const wrong = sources.flatMap((file) => {
    const comments = readFileSync(path.join(ROOT, file), 'utf8').match(/^\s*(\/\*\*|\*|\/\/).*$/gm) ?? [];
    return missingPlaces({ file, text: comments.join('\n') }).map((name) => `${file} names ${name}`);
  });
  assert.deepEqual(wrong, []);
});

test('the tables of lib/rewards/README.md name every reward and every scorer, each with its file', () => {
  const { text } = DOCUMENTS.find(({ file }) => file === 'lib/rewards/README.md')!;
  const rows = [...text.matchAll(/^\| `(\w+)` \|.*\| `([\w./-]+)` \|$/gm)];
  const named = rows.map(([, name]) => name!).sort();
  assert.deepEqual(named, [...Object.keys(REWARDS), ...Object.keys(SCORERS)].sort());
  const table = readFileSync(path.join(ROOT, 'lib', 'rewards', 'rewards.ts'), 'utf8');
  const scorers = readFileSync(path.join(ROOT, 'lib', 'rewards', 'scorers.ts'), 'utf8');
  for (const [, name, file] of rows) {
    const imported = new RegExp(`^ {2}${name}: (\\w+),$`, 'm').exec(`${table}${scorers}`)![1]!;
    assert.match(
      readFileSync(path.join(ROOT, 'lib', 'rewards', file!), 'utf8'),
      new RegExp(`export (function|const) ${imported}\\b`),
    );
  }
});

test('the documents are those that a reader meets', () => {
  const files = DOCUMENTS.map(({ file }) => file);
  for (const file of ['README.md', 'lib/README.md', 'lib/train/README.md', 'notebooks/03-grpo.ipynb'])
    assert.ok(files.includes(file), file);
});

test('what is not there is found: links, anchors, files, commands, options, variables, functions', () => {
  const wrong = (text: string): Document => ({ file: 'lib/train/README.md', text });
  assert.deepEqual(
    brokenLinks(wrong('[a](nowhere.md) [b](../../README.md) [c](#no-such-heading) [d](https://x.org/y)')),
    ['nowhere.md', '#no-such-heading'],
  );
  assert.deepEqual(
    missingPlaces(
      wrong('`lib/train/none.ts` `adamw.ts` `adam.ts` `lib/tasks/*/task.ts` `lib/*/none.ts` `metrics.jsonl`'),
    ),
    ['lib/train/none.ts', 'adam.ts', 'lib/*/none.ts'],
  );
  const shell = [
    'npx reason-rft grpo --data x --beta 0 --gamma 1',
    'npx reason-rft fly',
    'npm run bench -- --fast',
    'npm run fly',
  ];
  assert.deepEqual(unknownCommands(wrong(`\`--no-such\`\n\n\`\`\`sh\n${shell.join('\n')}\n\`\`\`\n`), options), [
    '--no-such',
    'grpo --gamma',
    'reason-rft fly',
    'npm run bench --fast',
    'npm run fly',
  ]);
  assert.deepEqual(unknownVariables(wrong('REASON_RFT_PROFILE and REASON_RFT_NONSENSE')), ['REASON_RFT_NONSENSE']);
  assert.deepEqual(unknownFunctions(wrong('| clipping | `policy-loss.ts` | `policyTerms`, `policyTurns` |')), [
    'policyTurns in policy-loss.ts',
  ]);
});
