// SPDX-License-Identifier: AGPL-3.0-or-later

/** What a scanner hands over, one call for each thing that is outside of strings and comments. */
export interface SqlEvents {
  /** A bare word, in capitals, at most {@link LONGEST_WORD} characters of it. */
  word(text: string): void;
  /** A name in backquotes. */
  name(text: string): void;
  open(): void;
  close(): void;
  /** The delimiter: a statement is complete. */
  end(): void;
  /** Whether words and names are wanted: saying no is what makes long lists of values fast. */
  listening(): boolean;
}

const LONGEST_WORD = 64;
/** Longest delimiter, and longest text that has to be seen at once. */
const LOOK_AHEAD = 16;

const OTHER = 0;
const BLANK = 1;
const WORD = 2;
const SPECIAL = 3;

const CLASSES = new Uint8Array(256).fill(WORD);
for (const character of '\t\n\v\f\r ') CLASSES[character.charCodeAt(0)] = BLANK;
for (const character of ',=<>!+%&|^~[]{}?\\') CLASSES[character.charCodeAt(0)] = OTHER;
for (const character of '\'"`()-#/*') CLASSES[character.charCodeAt(0)] = SPECIAL;
CLASSES[0] = BLANK;

const code = (character: string) => character.charCodeAt(0);
const NEWLINE = code('\n');
const BACKSLASH = code('\\');
const BACKQUOTE = code('`');
const STAR = code('*');
const SLASH = code('/');
const DASH = code('-');
const HASH = code('#');
const OPEN = code('(');
const CLOSE = code(')');
const QUOTE = code("'");
const DOUBLE_QUOTE = code('"');

type State = 'top' | 'word' | 'string' | 'name' | 'line comment' | 'comment' | 'delimiter';

/**
 * Reads SQL as the client does that loads a dump: strings with backslashes, names, comments, `DELIMITER` lines. What is in
 * comments that a server executes counts as SQL. Bytes, not characters: of UTF-8 and every character set that dumps are
 * written in, the bytes of these signs mean nothing else. Memory is bounded by the chunks.
 */
export class SqlScanner {
  private readonly events: SqlEvents;
  private state: State = 'top';
  private rest: Buffer = Buffer.alloc(0);
  private quote = 0;
  private text: Buffer[] = [];
  private delimiter = Buffer.from(';');
  /** Nothing but blanks and comments since the last delimiter: only here DELIMITER is a command. */
  private fresh = true;

  constructor(events: SqlEvents) {
    this.events = events;
  }

  /** The next bytes of the dump. */
  push(chunk: Buffer): void {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const limit = data.length - LOOK_AHEAD;
    this.rest = data.subarray(this.scan(data, limit));
  }

  /**
   * After the last byte.
   * @returns false where the text ends inside of a string, a comment or a statement
   */
  finish(): boolean {
    const { length } = this.rest;
    // Blanks, so that looking ahead sees no end.
    this.scan(Buffer.concat([this.rest, Buffer.alloc(LOOK_AHEAD, '\n')]), length);
    return (this.state === 'top' || this.state === 'line comment') && this.fresh;
  }

  private scan(data: Buffer, limit: number): number {
    let at = 0;
    while (at < limit) at = this.step(data, at, limit);
    return Math.max(at, 0);
  }

  private step(data: Buffer, at: number, limit: number): number {
    switch (this.state) {
      case 'top':
        return this.top(data, at);
      case 'word':
        return this.word(data, at, limit);
      case 'string':
        return this.string(data, at, limit);
      case 'name':
        return this.name(data, at, limit);
      case 'line comment':
        return this.lineComment(data, at, limit);
      case 'delimiter':
        return this.readDelimiter(data, at, limit);
      case 'comment':
        return this.comment(data, at, limit);
    }
  }

  private top(data: Buffer, at: number): number {
    const byte = data[at] ?? 0;
    if (byte === this.delimiter[0] && startsWith(data, at, this.delimiter)) {
      this.fresh = true;
      this.events.end();
      return at + this.delimiter.length;
    }
    const kind = CLASSES[byte];
    if (kind === BLANK) return at + 1;
    if (kind === SPECIAL) return this.special(data, at, byte);
    if (kind === WORD) this.state = 'word';
    else this.fresh = false;
    return kind === WORD ? at : at + 1;
  }

  private special(data: Buffer, at: number, byte: number): number {
    const next = data[at + 1] ?? 0;
    if (byte === SLASH && next === STAR) return this.openComment(data, at);
    if (byte === STAR && next === SLASH) return at + 2;
    if (byte === HASH || (byte === DASH && next === DASH && CLASSES[data[at + 2] ?? 0] === BLANK)) {
      this.state = 'line comment';
      return at + 1;
    }
    this.fresh = false;
    this.sign(byte);
    return at + 1;
  }

  private sign(byte: number): void {
    if (byte === OPEN) this.events.open();
    else if (byte === CLOSE) this.events.close();
    else if (byte === BACKQUOTE) this.state = 'name';
    else if (byte === QUOTE || byte === DOUBLE_QUOTE) {
      this.quote = byte;
      this.state = 'string';
    }
  }

  /** `/*!50003 ` and `/*M!100100 ` are executed, but for 999999, which no server is. */
  private openComment(data: Buffer, at: number): number {
    const executed = /^\/\*M?!(?!999999)\d{0,6}/.exec(data.toString('latin1', at, at + LOOK_AHEAD));
    if (executed !== null) return at + executed[0].length;
    this.state = 'comment';
    return at + 2;
  }

  private comment(data: Buffer, at: number, limit: number): number {
    const star = data.indexOf('*/', at);
    if (star < 0 || star >= limit) return limit;
    this.state = 'top';
    return star + 2;
  }

  private lineComment(data: Buffer, at: number, limit: number): number {
    const newline = data.indexOf(NEWLINE, at);
    if (newline < 0 || newline >= limit) return limit;
    this.state = 'top';
    return newline + 1;
  }

  private string(data: Buffer, at: number, limit: number): number {
    for (let index = at; index < limit; index++) {
      const byte = data[index];
      if (byte === BACKSLASH) index++;
      else if (byte === this.quote) {
        this.state = 'top';
        return index + 1;
      }
      // A backslash in the last place takes a byte beyond it: there are enough.
      if (index >= limit) return index + 1;
    }
    return limit;
  }

  private name(data: Buffer, at: number, limit: number): number {
    const quote = data.indexOf(BACKQUOTE, at);
    if (quote < 0 || quote >= limit) {
      this.keep(data.subarray(at, limit));
      return limit;
    }
    if (data[quote + 1] === BACKQUOTE) {
      this.keep(data.subarray(at, quote + 1));
      return quote + 2;
    }
    this.keep(data.subarray(at, quote));
    this.state = 'top';
    this.events.name(this.taken());
    return quote + 1;
  }

  private word(data: Buffer, at: number, limit: number): number {
    let end = at;
    while (end < limit && CLASSES[data[end] ?? 0] === WORD && !this.delimiterAt(data, end)) end++;
    if (this.fresh || this.events.listening()) this.keep(data.subarray(at, end));
    if (end === limit) return end;
    this.state = 'top';
    const text = this.taken().slice(0, LONGEST_WORD).toUpperCase();
    if (this.fresh && text === 'DELIMITER') this.state = 'delimiter';
    else if (text !== '') this.events.word(text);
    this.fresh &&= this.state === 'delimiter';
    return end;
  }

  private delimiterAt(data: Buffer, at: number): boolean {
    return data[at] === this.delimiter[0] && startsWith(data, at, this.delimiter);
  }

  private readDelimiter(data: Buffer, at: number, limit: number): number {
    const newline = data.indexOf(NEWLINE, at);
    const end = newline < 0 || newline > limit ? limit : newline;
    this.keep(data.subarray(at, end));
    if (end === limit && newline !== limit) return limit;
    const text = this.taken().trim().slice(0, LOOK_AHEAD);
    this.delimiter = Buffer.from(text === '' ? ';' : text);
    this.state = 'top';
    return end;
  }

  private keep(bytes: Buffer): void {
    // A copy: the chunk is gone by then. Longer than any name is hostile, and not needed whole.
    if (this.text.length < 4096) this.text.push(Buffer.from(bytes.subarray(0, 1024)));
  }

  private taken(): string {
    const text = Buffer.concat(this.text).toString();
    this.text = [];
    return text;
  }
}

function startsWith(data: Buffer, at: number, bytes: Buffer): boolean {
  return bytes.length === 1 || data.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0;
}
