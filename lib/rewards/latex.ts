/** Reads an answer, in LaTeX or in everyday writing, as the plain expression that it stands for, with its unit and its name. */

/** What an answer says. */
export interface PlainAnswer {
  /** The answer without the marks around it, in one spelling of spaces, brackets and letters: how it is compared as text. */
  text: string;
  /** It as an expression for mathjs; undefined where a command is left over, or it cannot be one. */
  expression?: string;
  /** The unit that stands at its end, by one name for each: `cm`, `cm^2`, `km/hour`. */
  unit?: string;
  /** What it says it is the value of: `x` of `x = 5`. */
  name?: string;
}

/** Nor is deeper nesting of braces read. */
const DEEPEST = 20;

/** Units that an answer may carry at its end, alone or one per another. */
const UNITS: { readonly [name: string]: RegExp } = {
  degree: /degrees?|deg/i,
  unit: /units?/i,
  km: /km|kilomet(?:er|re)s?/i,
  cm: /cm|centimet(?:er|re)s?/i,
  mm: /mm|millimet(?:er|re)s?/i,
  m: /met(?:er|re)s?/i,
  inch: /inch(?:es)?|in/i,
  foot: /feet|foot|ft/i,
  mile: /miles?/i,
  kg: /kg|kilograms?/i,
  gram: /grams?/i,
  pound: /pounds?/i,
  hour: /hours?/i,
  minute: /minutes?|min/i,
  second: /seconds?/i,
  dollar: /dollars?/i,
  euro: /euros?/i,
};
/** Units by one letter, which must follow a number or another unit. */
const LETTER_UNITS: { readonly [letter: string]: string } = { m: 'm', s: 'second', h: 'hour' };
const UNIT_WORD = Object.values(UNITS)
  .map(({ source }) => source)
  .join('|');
const UNIT_AT_END = new RegExp(
  String.raw`(?<![a-z\\])(?:(square|cubic|sq\.?)\s+)?(${UNIT_WORD}|(?<=[\d)}]\s*)[ms])(?:\s*(?:/|per)\s*(${UNIT_WORD}|[msh]))?(?:\s*(?:\^?\s*\{?([23])\}?|([²³])))?$`,
  'i',
);
const CURRENCIES: { readonly [sign: string]: string } = {
  '\\$': 'dollar',
  $: 'dollar',
  '€': 'euro',
  '£': '£',
  '¥': '¥',
};

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const VULGAR_FRACTIONS: { readonly [sign: string]: string } = Object.fromEntries(
  '½1/2 ⅓1/3 ⅔2/3 ¼1/4 ¾3/4 ⅕1/5 ⅖2/5 ⅗3/5 ⅘4/5 ⅙1/6 ⅚5/6 ⅐1/7 ⅛1/8 ⅜3/8 ⅝5/8 ⅞7/8 ⅑1/9 ⅒1/10'
    .split(' ')
    .map((entry) => [entry[0]!, entry.slice(1)]),
);

/** A whole number in groups of three digits that stands alone, with or without a decimal part and a percent sign. */
const GROUPED = /^([+-]?\s*[1-9]\d{0,2})((?:,\d{3})+|(?: \d{3})+)(\.\d+)?(\s*\\?%)?$/;

/** An argument of a command: a group in braces that holds no further braces, or one character. */
const ARGUMENT = String.raw`\s*(?:\{([^{}]*)\}|([\da-zA-Zπ]))`;
const FRACTION = new RegExp(String.raw`\\[dtc]?frac${ARGUMENT}${ARGUMENT}`, 'g');
const ROOT = new RegExp(String.raw`\\sqrt(?:\s*\[([^[\]{}]*)\])?${ARGUMENT}`, 'g');

/** Words that stand in an expression as they are; other letters are variables. */
const WORDS = new Set('sqrt cbrt nthRoot sin cos tan asin acos atan exp log log10 abs pi'.split(' '));

/** An answer in one spelling: without the marks around it, with plain spaces and brackets, and numbers in LaTeX's groups joined. */
export function tidyAnswer(text: string): string {
  // Characters of full width are those of East Asian keyboards.
  const plain = text.normalize('NFC').replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0));
  return unwrap(unwrap(plain))
    .replace(/\\!/g, '')
    .replace(/(?<![\d.,])(\d+)((?:\{,\}\d+)+)/g, (_, first: string, rest: string) => joinGroups(first, rest))
    .replace(/(?<![\d.,])[1-9]\d{0,2}(?:(?:\\[,;: ]|[\u2009\u202f])\d{3})+(?!\d)/g, (number) =>
      number.replace(/\D/g, ''),
    )
    .replace(/\\(?:left|right|[bB]igg?[lrm]?|displaystyle)(?![a-zA-Z])/g, ' ')
    .replace(/\\[,;: ]|\\q?quad(?![a-zA-Z])|~|\s+/g, ' ')
    .replace(/\\pm(?![a-zA-Z])/g, '±')
    .trim();
}

/** `10{,}000` is one number; where the groups are not of three digits, the comma is a decimal one: `3{,}14` is 3.14. */
function joinGroups(first: string, rest: string): string {
  const groups = rest.split('{,}').slice(1);
  if (/^[1-9]\d{0,2}$/.test(first) && groups.every((group) => group.length === 3)) return first + groups.join('');
  return groups.length === 1 ? `${first}.${groups[0]}` : first + rest.replaceAll('{,}', ',');
}

/** Without the marks around an answer: dollar signs, `\boxed{}`, `\text{}`, a full stop. */
function unwrap(text: string): string {
  return text
    .trim()
    .replace(/\.$/, '')
    .replace(/^(?:\$+|\\[([])|(?:(?<!\\)\$+|\\[)\]])$/g, '')
    .replace(/^\s*\\boxed\s*\{(.*)\}\s*$/s, '$1')
    .replace(/\\(?:text|mathrm|mbox|textbf|mathbf)\s*\{([^{}]*)\}/g, ' $1 ')
    .trim()
    .replace(/\.$/, '');
}

/** What a tidy answer says. A list is read as its elements are: see `splitList`. */
export function readPlain(tidy: string): PlainAnswer {
  const text = tidy
    .toLowerCase()
    .replace(/ ?([,;()[\]{}<>=]) ?/g, '$1')
    .trim();
  let rest = tidy;
  const qualities: Pick<PlainAnswer, 'unit' | 'name'> = {};
  rest = rest.replace(/^(\\?[a-zA-Z]{1,3}(?:_\{?\w+\}?|\(\w\))?|\\[a-z]+)\s*=(?!=)\s*/, (_, written: string) => {
    qualities.name = written;
    return '';
  });
  rest = rest.replace(/^([+-]?)\s*(\\\$|[$€£¥])\s*(?=[\d.])|\s*(\\\$|[€£¥])$/, (_, sign = '', before, after) => {
    qualities.unit = CURRENCIES[before ?? after]!;
    return sign;
  });
  rest = rest.replace(UNIT_AT_END, (_, power, first, second, digit, raised) => {
    const unit = unitName(first, second, power, digit ?? raised);
    if (unit !== 'unit') qualities.unit = unit;
    return '';
  });
  rest = rest.trim();
  const angle = /sin|cos|tan/.test(rest);
  if (!angle && /(?:°|\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree)$/.test(rest)) qualities.unit = 'degree';
  const expression = plainExpression(rest);
  return { text, ...(expression !== undefined && { expression }), ...qualities };
}

function unitName(first: string, second: string | undefined, power: string | undefined, raised: string | undefined) {
  const named = (written: string) =>
    LETTER_UNITS[written.toLowerCase()] ??
    Object.keys(UNITS).find((name) => written.replace(UNITS[name]!, '') === '') ??
    written;
  const exponent = power === undefined ? '' : power.startsWith('cubic') ? '^3' : '^2';
  const last = raised === undefined ? '' : `^${raised.replace('²', '2').replace('³', '3')}`;
  return `${named(first)}${exponent}${second === undefined ? '' : `/${named(second)}`}${last}`;
}

/** LaTeX and everyday writing as a mathjs expression; undefined where a command is left over. */
function plainExpression(text: string): string | undefined {
  const grouped = GROUPED.exec(text);
  if (grouped) {
    const [, first, groups, part = '', percent] = grouped;
    return `${first}${groups!.replace(/[ ,]/g, '')}${part}`.replace(' ', '') + (percent ? '/100' : '');
  }
  let s = text
    .replace(/\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree/g, '°')
    .replace(/[−–]/g, '-')
    .replace(/[×·]|\\(?:cdot|times)(?![a-zA-Z])/g, '*')
    .replace(/[÷⁄]|\\div(?![a-zA-Z])/g, '/')
    .replace(/π|\\pi(?![a-zA-Z])/g, 'π')
    .replace(/√\s*(\d+)/g, 'sqrt($1)')
    .replace(/(?:⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹])+/g, (digits) => `^(${[...digits].map(ordinaryDigit).join('')})`)
    .replace(/(\d*)\s*([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒])/g, (_, whole: string, sign: string) =>
      whole ? `(${whole}+${VULGAR_FRACTIONS[sign]})` : `(${VULGAR_FRACTIONS[sign]})`,
    )
    .replace(/\\(sin|cos|tan|ln|exp)\s*(\d+(?:\.\d+)?°?|[a-zA-Z])(?![\da-zA-Z])/g, '\\$1($2)')
    .replace(/\\(sin|cos|tan|exp)(?![a-zA-Z])/g, '$1')
    .replace(/\\ln(?![a-zA-Z])/g, 'log')
    .replace(/\|([^|]+)\|/g, 'abs($1)')
    .replace(/\\?%\s*$/, '/100')
    // Mixed numbers: 1 1/2 is 3/2.
    .replace(/^(\s*-?\s*)(\d+)\s+(\d+\s*\/\s*\d+)\s*$/, '$1($2+$3)');
  // An angle is its number of degrees, but for a function of angles.
  s = s.replaceAll('°', /sin|cos|tan/.test(s) ? '*(π/180)' : '');
  // From the inside out: each round takes the fractions and roots whose parts hold no further braces.
  for (let round = 0; round < DEEPEST; round++) {
    const before = s;
    s = s
      .replace(FRACTION, (_, a, b, c, d) => `((${a ?? b})/(${c ?? d}))`)
      .replace(ROOT, (_, index, a, b) => (index === undefined ? `sqrt(${a ?? b})` : `nthRoot(${a ?? b},${index})`))
      .replace(/\^\s*\{([^{}]*)\}/g, '^($1)');
    if (s === before) break;
  }
  s = s.replace(/^(\s*-?\s*)(\d+)\s*\(\((\d+)\)\/\((\d+)\)\)\s*$/, '$1($2+$3/$4)');
  if (s.includes('\\')) return undefined;
  s = writeProducts(s.replaceAll('{', '(').replaceAll('}', ')').replaceAll('π', ' pi ')).trim();
  return s === '' ? undefined : s;
}

function ordinaryDigit(superscript: string): string {
  return superscript === '⁻' ? '-' : String(SUPERSCRIPTS.indexOf(superscript));
}

/** Says products as mathjs reads them: `6 x 7`, `x(x + 1)`, `3xy`. */
function writeProducts(expression: string): string {
  const crossed = expression.replace(/(?<=\d)\s+[xX]\s+(?=[\d(])/g, '*');
  const s = /[a-zA-Z]/.test(crossed) ? expression : crossed;
  // Letters that stand alone, as in a text, are a word.
  const spaced = !/[\d+^]/.test(s)
    ? s
    : s.replace(/(?<=^|[\d(]|[+*/^-]\s*)[a-zA-Z]{2,3}(?=\s*(?:$|[)+*/^-]))/g, (letters) =>
        WORDS.has(letters) ? letters : [...letters].join(' '),
      );
  return spaced.replace(/(?<![a-zA-Z])([a-zA-Z])\s*(?=\()/g, '$1*');
}

/** A list's brackets, empty where it has none, and its elements; undefined where the answer is no list. */
export function splitList(tidy: string): { brackets: string; elements: string[] } | undefined {
  const outer = /^(\(|\[|\\\{)(.*)(\)|\]|\\\})$/s.exec(tidy);
  const inside = outer && splitAtCommas(outer[2]!);
  if (inside && inside.length > 1) return { brackets: outer[1]! + outer[3]!, elements: inside };
  const bare = splitAtCommas(tidy);
  return bare && bare.length > 1 ? { brackets: '', elements: bare } : undefined;
}

/** The parts between the commas that stand in no brackets; undefined where a bracket closes that did not open. */
function splitAtCommas(text: string): string[] | undefined {
  const parts: string[] = [];
  let [depth, from] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
    if (depth < 0) return undefined;
  }
  parts.push(text.slice(from).trim());
  return depth === 0 ? parts : undefined;
}
