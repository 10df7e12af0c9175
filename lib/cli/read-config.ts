/** Reads a file that holds one object, as JSON or as YAML: the configuration of a sweep. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { UsageError } from './usage.js';

/**
 * Reads a file. It is YAML if its name ends in `.yaml` or `.yml`, and JSON otherwise.
 *
 * @throws UsageError naming the file, and in YAML the line, where it cannot be read or does not hold an object
 */
export function readConfig(file: string): { [name: string]: unknown } {
  const isYaml = ['.yaml', '.yml'].includes(path.extname(file).toLowerCase());
  let value: unknown;
  try {
    const text = readFileSync(file, 'utf8');
    value = isYaml ? parseYaml(text) : JSON.parse(text);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new UsageError(`${file} does not hold ${isYaml ? 'a YAML mapping' : 'a JSON object'}`);
  return value as { [name: string]: unknown };
}

/** @throws Error naming the line and column of the first mistake; a warning of the parser, such as an unknown tag, is one too */
function parseYaml(text: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new Error(`line ${line}, column ${col}: ${problem.message}`);
  }
  return document.toJS();
}
