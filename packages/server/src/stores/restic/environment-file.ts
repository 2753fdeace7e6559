// SPDX-License-Identifier: AGPL-3.0-or-later
import { escapeControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';

/** Variables that would take away what this program promises, and why each is refused. */
const REFUSED: readonly { readonly names: RegExp; readonly why: string }[] = [
  {
    names: /^RESTIC_(?!REST_(?:USERNAME|PASSWORD)$|AWS_)/,
    why: 'repository, password, cache and options of restic have keys of their own in the configuration',
  },
  { names: /^(?:PATH|LD_.*|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|IFS)$/, why: 'it decides which programs run as root' },
  { names: /^(?:NODE_.*|GODEBUG|GOTRACEBACK|PYTHON.*|PERL5.*)$/, why: 'it changes what programs do' },
  { names: /^(?:LANG|LANGUAGE|LC_.*)$/, why: 'messages of restic are read by this program, in English' },
];

/**
 * The lines of an environment file as systemd takes them (`EnvironmentFile=`): `NAME=value`, comments with `#` or `;`,
 * values in single or double quotes. A value is one line.
 * @throws BackupError `config` with all complaints, which never quote a value
 */
export function parseEnvironment(text: string, file: string): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  const complaints: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const parsed = parseLine(line);
    if (typeof parsed === 'string') complaints.push(`${escapeControls(file)}:${index + 1}: ${parsed}`);
    else variables[parsed.name] = parsed.value;
  }
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  return variables;
}

/** A complaint where it is wrong. */
function parseLine(line: string): { readonly name: string; readonly value: string } | string {
  const [, name = '', rest = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(line) ?? [];
  if (name === '') {
    return /^export\s/.test(line) ? 'leave out `export`: this is no shell script' : 'must be `NAME=value`';
  }
  const refused = REFUSED.find(({ names }) => names.test(name));
  if (refused !== undefined) return `${name} cannot be set here: ${refused.why}`;
  const value = unquoted(rest.trim());
  if (value === undefined) return `${name}: the quote is not closed, or something follows it`;
  return hasControl(value) ? `${name}: the value holds control characters` : { name, value };
}

/** Undefined where quotes do not fit. Escapes as in systemd. */
function unquoted(text: string): string | undefined {
  if (text.startsWith("'")) return /^'([^']*)'$/.exec(text)?.[1];
  if (!text.startsWith('"')) return text.replace(/\\(.?)/g, '$1');
  return /^"((?:[^"\\]|\\.)*)"$/.exec(text)?.[1]?.replace(/\\(["\\`$])/g, '$1');
}

function hasControl(value: string): boolean {
  return [...value].some((character) => character < ' ' && character !== '\t');
}
