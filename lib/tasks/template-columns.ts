/** Finds the columns of a row that a template reads, so that one that no row has is named before anything is asked. */
import type { Template } from '@huggingface/jinja';

/** The columns that a template reads. */
export interface TemplateColumns {
  /** Those that every row must have. */
  needed: string[];
  /** Those that the template asks after with `is defined`; a row may lack them. */
  optional: string[];
}

/** Names that Jinja gives a template beside its variables. */
const BUILT_IN = new Set([
  'range',
  'bounded_range',
  'namespace',
  'loop',
  'caller',
  'true',
  'false',
  'none',
  'True',
  'False',
  'None',
  'raise_exception',
  'strftime_now',
]);

/** A part of a parsed template: its kind, and its own parts by their roles. */
type Part = { type: string; [role: string]: unknown };

/** The parts in which an identifier names no variable, by the kind of their parent and their role there. */
const NAMES_ONLY: { readonly [type: string]: readonly string[] } = {
  BinaryExpression: ['operator'],
  UnaryExpression: ['operator'],
  TestExpression: ['test'],
  KeywordArgumentExpression: ['key'],
};

/** The columns of a template: the variables that it reads and does not make itself. */
export function templateColumns({ parsed }: Template): TemplateColumns {
  const read = new Set<string>();
  const optional = new Set<string>();
  const made = new Set<string>();

  const visitAll = (value: unknown): void => {
    if (value instanceof Map) for (const [key, held] of value) [key, held].forEach(visitAll);
    else if (Array.isArray(value)) value.forEach(visitAll);
    else if (typeof value === 'object' && value !== null) visit(value as Part);
  };
  /** Notes the variables that an assignment, a loop or a macro makes. */
  const make = (target: unknown): void => {
    const { type, value, key } = target as Part;
    if (type === 'Identifier') made.add(value as string);
    else if (type === 'TupleLiteral') (value as Part[]).forEach(make);
    else if (type === 'KeywordArgumentExpression') make(key);
    else visitAll(target);
  };
  const visit = (part: Part): void => {
    if (part.type === 'Identifier') {
      read.add(part.value as string);
      return;
    }
    if (part.type === 'TestExpression') {
      const { operand, test } = part as Part & { operand: Part; test: Part };
      if (operand.type === 'Identifier' && /^(un)?defined$/.test(test.value as string))
        optional.add(operand.value as string);
    }
    if (part.type === 'Set') make(part.assignee);
    if (part.type === 'For') make(part.loopvar);
    if (part.type === 'Macro') [part.name, ...(part.args as Part[])].forEach(make);
    for (const [role, value] of Object.entries(part)) {
      if (NAMES_ONLY[part.type]?.includes(role) || role === 'assignee' || role === 'loopvar') continue;
      if (part.type === 'MemberExpression' && role === 'property' && !part.computed) continue;
      if (part.type === 'Macro' && role === 'name') continue;
      // A filter is a name, or a call whose arguments alone are expressions.
      if (role === 'filter') visitAll((value as Part).args ?? []);
      else visitAll(value);
    }
  };
  visitAll(parsed.body);
  const variables = [...read].filter((name) => !made.has(name) && !BUILT_IN.has(name)).sort();
  return {
    needed: variables.filter((name) => !optional.has(name)),
    optional: variables.filter((name) => optional.has(name)),
  };
}
