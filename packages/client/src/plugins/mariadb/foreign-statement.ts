// SPDX-License-Identifier: AGPL-3.0-or-later

/** Second words after CREATE, DROP and ALTER that reach beyond one database. */
const BEYOND = new Set('DATABASE SCHEMA USER ROLE SERVER TABLESPACE LOGFILE INSTANCE SYSTEM'.split(' '));
/** What a name follows that is made or altered. */
const KINDS = new Set('TABLE TABLES VIEW TRIGGER EVENT FUNCTION PROCEDURE SEQUENCE PACKAGE BODY'.split(' '));
/** Between such a word and the name. */
const FILLERS = new Set(['IF', 'NOT', 'EXISTS', 'BODY']);

/** Tokens of a statement that are looked at. */
export const TOKENS_KEPT = 16;

/** Stands for a name in backquotes. */
export const NAME = '`';

/**
 * Says that a statement is of a kind that no dump of one database holds; undefined where it is not. What is in the bodies
 * of routines, triggers and views is not judged: a dump holds those as they are.
 * @param tokens the first words of a statement outside of parentheses, in capitals, and {@link NAME} for each quoted name
 */
export function foreignKind(tokens: readonly string[]): string | undefined {
  const [first, ...others] = tokens;
  if (first === undefined) return undefined;
  const [second = ''] = others.filter((token) => !['OR', 'REPLACE', 'TEMPORARY'].includes(token));
  if (first === 'SELECT' && second === 'SETVAL' && tokens.length === 2) return undefined;
  const judge = KNOWN.get(first);
  return judge === undefined ? first : judge(tokens, second);
}

type Judge = (tokens: readonly string[], second: string) => string | undefined;

const isFine: Judge = () => undefined;
const onlyWith =
  (...known: readonly string[]): Judge =>
  ([first], second) =>
    known.includes(second) ? undefined : `${first} ${second}`;

/** What outlives the connection, or belongs to the whole server. */
const judgeSetting: Judge = (tokens) => {
  const found = tokens.find((token) => LASTING.test(token) && token !== '@@GLOBAL.GTID_PURGED');
  if (found !== undefined) return `SET ${found}`;
  return tokens.length < TOKENS_KEPT ? undefined : 'SET of many things';
};

const LASTING = /^(?:(?:GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|ROLE|DEFAULT|STATEMENT|RESOURCE)$|@@(?:GLOBAL|PERSIST|$))/;

/** Names, and nothing else, outside of parentheses. */
const judgeNames: Judge = (tokens) => (tokens.some(hasDot) ? elsewhere(tokens) : undefined);

const judgeObject: Judge = (tokens, second) => {
  // Written where a routine has another collation than its database; whose it is is looked at elsewhere.
  if (tokens[0] === 'ALTER' && tokens[1] === 'DATABASE') return undefined;
  if (BEYOND.has(second)) return `${tokens[0]} ${second}`;
  if (tokens.some((token, at) => token === 'SONAME' && tokens[at - 2] === 'RETURNS')) return `${tokens[0]} ... SONAME`;
  const kind = tokens.findIndex((token, at) => at > 0 && KINDS.has(token));
  const at = tokens.findIndex((token, index) => index > kind && !FILLERS.has(token));
  return kind > 0 && (hasDot(tokens[at]) || tokens[at + 1]?.startsWith('.')) ? elsewhere(tokens) : undefined;
};

function hasDot(token: string | undefined): boolean {
  return token?.includes('.') === true;
}

function elsewhere([first]: readonly string[]): string {
  return `${first} in another database`;
}

/** First words of what the dump programs of all versions write; sequences have SELECT SETVAL in older ones. */
const KNOWN: ReadonlyMap<string, Judge> = new Map([
  ['SET', judgeSetting],
  ['CREATE', judgeObject],
  ['ALTER', judgeObject],
  ['DROP', (tokens, second) => judgeObject(tokens, second) ?? judgeNames(tokens, second)],
  ['INSERT', judgeNames],
  ['REPLACE', judgeNames],
  ['LOCK', judgeNames],
  ['UNLOCK', isFine],
  ['DO', isFine],
  ['COMMIT', isFine],
  ['START', onlyWith('TRANSACTION')],
  ['BEGIN', onlyWith('', 'WORK')],
]);
