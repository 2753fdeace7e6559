// SPDX-License-Identifier: AGPL-3.0-or-later

/** What a part of an expression makes of one value: none, one or more. */
export type Step = (value: unknown) => readonly unknown[];

/** The expression needs more than this little language. */
export class UnknownExpression extends Error {}

/**
 * Understands the part of yq's language that plugins use to read a configuration: paths (`.a.b`, `."a b"`, `.a[0]`,
 * `.a[]`), `|`, `//`, `==`, `!=`, `keys`, `length`, `type`, `has`, `select`, `join`, `not`, texts, numbers. Pure.
 * @throws UnknownExpression
 */
export function parseExpression(text: string, functions: Readonly<Record<string, FunctionMaker>>): Step {
  const reader = createReader(text, functions);
  const step = pipe(reader);
  if (reader.peek() !== undefined) throw new UnknownExpression(`\`${reader.peek()}\` in ${text}`);
  return step;
}

/** Makes a step of a function, given what stands in its brackets. */
export type FunctionMaker = (argument: Step | undefined) => Step;

interface Reader {
  readonly peek: () => string | undefined;
  readonly next: () => string;
  /** Takes the word if it is the next one. */
  readonly take: (word: string) => boolean;
  readonly functions: Readonly<Record<string, FunctionMaker>>;
}

const TOKEN = /\s*(\/\/|==|!=|\.?"(?:\\.|[^"\\])*"|\.[A-Za-z_][\w-]*|-?\d+(?:\.\d+)?|[A-Za-z_]\w*|[|()[\].])/y;

function createReader(text: string, functions: Reader['functions']): Reader {
  const words: string[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text)?.[1];
    if (found === undefined) throw new UnknownExpression(text.slice(at));
    words.push(found);
    at = TOKEN.lastIndex;
  }
  const next = () => {
    const word = words.shift();
    if (word === undefined) throw new UnknownExpression(`${text} ends too early`);
    return word;
  };
  return {
    functions,
    peek: () => words[0],
    next,
    take: (word) => words[0] === word && next() === word,
  };
}

function pipe(reader: Reader): Step {
  let step = alternative(reader);
  while (reader.take('|')) {
    const before = step;
    const after = alternative(reader);
    step = (value) => before(value).flatMap(after);
  }
  return step;
}

/** `a // b`: b where a gives nothing, null or false. */
function alternative(reader: Reader): Step {
  let step = comparison(reader);
  while (reader.take('//')) {
    const first = step;
    const second = comparison(reader);
    step = (value) => {
      const found = first(value).filter((item) => item !== undefined && item !== null && item !== false);
      return found.length > 0 ? found : second(value);
    };
  }
  return step;
}

function comparison(reader: Reader): Step {
  const left = path(reader);
  const word = reader.peek();
  if (word !== '==' && word !== '!=') return left;
  reader.next();
  const right = path(reader);
  return (value) => {
    return left(value).flatMap((a) => right(value).map((b) => (word === '==') === ((a ?? null) === (b ?? null))));
  };
}

function path(reader: Reader): Step {
  let step = primary(reader);
  for (;;) {
    const word = reader.peek();
    const after = word?.startsWith('.') && word !== '.' ? key(reader) : reader.take('[') ? index(reader) : undefined;
    if (after === undefined) return step;
    const before = step;
    step = (value) => before(value).flatMap(after);
  }
}

function primary(reader: Reader): Step {
  const word = reader.peek() ?? '';
  if (word.startsWith('.') && word !== '.') return key(reader);
  reader.next();
  if (word === '.') return (value) => [value];
  if (word === '(') return bracketed(reader);
  if (/^(?:"|-?\d|(?:true|false|null)$)/.test(word)) return constant(literal(word));
  const make = Object.hasOwn(reader.functions, word) ? reader.functions[word] : undefined;
  if (make === undefined) throw new UnknownExpression(`\`${word}\``);
  return make(reader.take('(') ? bracketed(reader) : undefined);
}

function bracketed(reader: Reader): Step {
  const step = pipe(reader);
  if (!reader.take(')')) throw new UnknownExpression('a bracket is not closed');
  return step;
}

function constant(value: unknown): Step {
  return () => [value];
}

function literal(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    throw new UnknownExpression(word);
  }
}

/** `.name`, `."a name"` */
function key(reader: Reader): Step {
  const word = reader.next().slice(1);
  const name = word.startsWith('"') ? literal(word) : word;
  return (value) => [memberOf(value, String(name))];
}

/** `[]`, `[0]`, `["a name"]`, after the opening bracket. */
function index(reader: Reader): Step {
  if (reader.take(']')) return itemsOf;
  const step = pipe(reader);
  if (!reader.take(']')) throw new UnknownExpression('a bracket is not closed');
  return (value) => step(value).map((at) => elementOf(value, at));
}

function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function elementOf(value: unknown, at: unknown): unknown {
  if (Array.isArray(value) && typeof at === 'number') return value.at(at) ?? null;
  return memberOf(value, String(at));
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return null;
  return (value as Readonly<Record<string, unknown>>)[name];
}
