/**
 * Conversations in ShareGPT form, as LLaMA-Factory reads and writes them: `messages` with `role` and `content`, or `conversations` with
 * `from` and `value`. A row is one question and one answer; `<image>` stands for each picture.
 */
import { PackedPicture } from './picture.js';

/** Whether a row is a conversation. */
export function isShareGpt(json: unknown): json is { [column: string]: unknown } {
  return isObject(json) && !('problem' in json) && ('messages' in json || 'conversations' in json);
}

/** The roles of turns by the names that the form has for them. */
const ROLES: { readonly [name: string]: 'system' | 'user' | 'assistant' } = {
  system: 'system',
  user: 'user',
  human: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
};

interface Turn {
  role: 'system' | 'user' | 'assistant';
  text: string;
}

/** The answer of a row that the kit wrote itself: rationale and answer in tags. */
const TAGGED = /^\s*<think>\n?([\s\S]*?)\n?<\/think>\s*<answer>\n?([\s\S]*?)\n?<\/answer>\s*$/;

/**
 * A conversation as a row: the user's text is the question, the assistant's the answer, or rationale and answer if it is both in their tags.
 *
 * @param row the number of the row, which is its id if it has none
 * @returns the row's columns, or the field that is wrong and why
 */
export function fromShareGpt(
  json: { [column: string]: unknown },
  row: number,
): { columns: { [column: string]: unknown } } | { field: string; reason: string } {
  const { messages, conversations, image, images, ...columns } = json;
  const field = messages === undefined ? 'conversations' : 'messages';
  const turns = readTurns(messages ?? conversations);
  if (typeof turns === 'string') return { field, reason: turns };
  const before = turns[0]?.role === 'system' ? turns.shift()!.text : columns.system;
  const [question, answer] = turns;
  if (turns.length !== 2 || question!.role !== 'user' || answer!.role !== 'assistant')
    return {
      field,
      reason: `has the turns ${turns.map(({ role }) => role).join(', ') || 'none'}; the kit trains on one question of the user and one answer of the assistant`,
    };
  const pictures = [image ?? images ?? []].flat();
  const text = question!.text.replace(/^(?:\s*<image>)+\s*/, '');
  const places = question!.text.slice(0, question!.text.length - text.length).match(/<image>/g)?.length ?? 0;
  const forbidden = /<(?:image|video|audio)>/.exec(text)?.[0];
  if (forbidden === '<image>')
    return {
      field,
      reason: 'has <image> within its text; the kit shows pictures before the text: write all of them at its beginning',
    };
  if (forbidden !== undefined || 'videos' in columns || 'audios' in columns)
    return {
      field,
      reason: `holds ${forbidden ?? ('videos' in columns ? 'videos' : 'audios')}; the kit's models see pictures alone`,
    };
  if (places !== pictures.length)
    return { field, reason: `has ${places} times <image>, but the row names ${pictures.length} pictures` };
  const [, cot, tagged] = TAGGED.exec(answer!.text) ?? [];
  return {
    columns: {
      ...columns,
      id: columns.id ?? String(row),
      image: pictures,
      problem: text,
      ...(tagged === undefined ? { answer: answer!.text } : { cot, answer: tagged }),
      ...(typeof before === 'string' && before !== '' ? { system: before } : {}),
    },
  };
}

function readTurns(value: unknown): Turn[] | string {
  if (!Array.isArray(value)) return 'is not a list of turns';
  const turns: Turn[] = [];
  for (const [i, turn] of value.entries()) {
    if (!isObject(turn)) return `turn ${i + 1} is not an object`;
    const name = turn.role ?? turn.from;
    const text = turn.content ?? turn.value;
    const role = typeof name === 'string' && Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
    if (role === undefined)
      return `turn ${i + 1} is of ${JSON.stringify(name) ?? 'nobody'}; the kit knows ${Object.keys(ROLES).join(', ')}`;
    if (typeof text !== 'string') return `turn ${i + 1} holds no text`;
    turns.push({ role, text });
  }
  return turns;
}

function isObject(value: unknown): value is { [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof PackedPicture);
}
