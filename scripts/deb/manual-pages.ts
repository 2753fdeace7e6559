// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ConfigDocument, type DocumentedKey, documentedKeys } from '@local-backup/common/config/document';
import { allCommands, type CommandFacts, type OptionFacts } from './program-tree.ts';
import { definition, pageHead, roffLines, roffText } from './roff.ts';

interface Edition {
  readonly version: string;
  readonly date: string;
}

/** Manual pages by file name: `backup-client.8`, `backup-client-backup.8`, ... one for each command. */
export function commandPages(name: string, program: CommandFacts, edition: Edition): ReadonlyMap<string, string> {
  const pages = allCommands(program).map((command): [string, string] => {
    const page = [name, ...command.path].join('-');
    return [`${page}.8`, commandPage(name, program, command, edition)];
  });
  return new Map(pages);
}

function commandPage(name: string, program: CommandFacts, command: CommandFacts, edition: Edition): string {
  const isProgram = command === program;
  const page = [name, ...command.path].join('-');
  const about = command.description.split('\n')[0]?.replace(/\.$/, '') ?? '';
  const global = isProgram
    ? []
    : ['.SH GLOBAL OPTIONS', 'They stand before the name of the command.', ...optionLines(program.options)];
  return lines([
    pageHead({ name: page, section: 8, about, ...edition }),
    '.SH SYNOPSIS',
    `\\fB${roffText([name, ...command.path].join(' '))}\\fR ${roffText(command.usage)}`,
    '.SH DESCRIPTION',
    roffText(sentence(command.description)),
    ...section(
      'ARGUMENTS',
      command.arguments
        .filter(({ description }) => description !== '')
        .map((each) => definition(each.name, each.description)),
    ),
    ...section(
      'COMMANDS',
      command.commands.map((child) =>
        definition([...child.path.slice(command.path.length)].join(' '), child.description),
      ),
    ),
    ...section('OPTIONS', optionLines(command.options)),
    ...global,
    ...(command.epilogue === '' ? [] : ['.SH NOTES', roffLines(command.epilogue)]),
    '.SH SEE ALSO',
    seeAlso(name, program, command),
  ]);
}

function optionLines(options: readonly OptionFacts[]): string[] {
  return options.map(({ flags, description, fallback }) => {
    return definition(flags, fallback === undefined ? description : `${description} (default: ${fallback})`);
  });
}

function seeAlso(name: string, program: CommandFacts, command: CommandFacts): string {
  const others = command === program ? program.commands : [program, ...command.commands];
  const pages = others.map(({ path }) => [name, ...path].join('-'));
  const files = name === 'backup-client' ? ['client_config.yml', 'service.yaml'] : ['server_config.yml'];
  return [
    ...pages.map((page) => reference(page, 8)),
    ...[...files, 'common_config'].map((file) => reference(file, 5)),
  ].join(', ');
}

function reference(page: string, section: number): string {
  return `\\fB${roffText(page)}\\fR(${section})`;
}

/** The manual page of a configuration file, from its schema: `client_config.yml.5`. */
export function configPage(document: ConfigDocument, edition: Edition): readonly [string, string] {
  const about = `configuration of Local Backup System, ${document.location}`;
  const text = lines([
    pageHead({ name: document.name, section: 5, about, ...edition }),
    '.SH DESCRIPTION',
    roffText(`File: \`${document.location}\`. ${document.intro}`),
    ...(document.syntax === 'yaml' ? ['.PP', roffText(UNITS)] : []),
    '.SH KEYS',
    ...keyLines(documentedKeys(document), ''),
    '.SH SEE ALSO',
    [reference('backup-client', 8), reference('backup-server', 8)].join(', '),
  ]);
  return [`${document.name}.5`, text];
}

const UNITS =
  'A time is `90s`, `15m`, `1h30m` or `2d`; a plain number is seconds. A size is `500M` or `20GiB` (powers of 1024), ' +
  '`20GB` (powers of 1000); a plain number is bytes.';

function keyLines(keys: readonly DocumentedKey[], path: string): string[] {
  return keys.flatMap((key) => {
    const name = `${path}${key.name}${key.isList && key.children.length > 0 ? '[]' : ''}`;
    const byDefault = key.required ? 'required' : key.default === undefined ? '' : `default: ${key.default}`;
    const kind = [key.type, byDefault].filter((part) => part !== '').join('; ');
    return [definition(name, `${key.description} (${kind})`), ...keyLines(key.children, `${name}.`)];
  });
}

function section(title: string, content: readonly string[]): string[] {
  return content.length === 0 ? [] : [`.SH ${title}`, ...content];
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

function lines(parts: readonly string[]): string {
  return `${parts.join('\n')}\n`;
}
