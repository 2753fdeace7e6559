// SPDX-License-Identifier: AGPL-3.0-or-later
import { allCommands, type CommandFacts } from './program-tree.ts';

/** What can stand at one place of a command line, with what it means. */
interface Choice {
  readonly word: string;
  readonly about: string;
}

/** Completions of one program for bash, zsh and fish, by the names of their files. */
export function completions(name: string, program: CommandFacts): ReadonlyMap<string, string> {
  return new Map([
    [name, bash(name, program)],
    [`_${name}`, zsh(name, program)],
    [`${name}.fish`, fish(name, program)],
  ]);
}

function choicesAt(command: CommandFacts): readonly Choice[] {
  const words = command.commands.map(({ path, description }) => ({ word: path.at(-1) ?? '', about: description }));
  const options = command.options.flatMap(({ long, description }) =>
    long === undefined ? [] : [{ word: long, about: description }],
  );
  return [...words, ...options, { word: '--help', about: 'show help' }];
}

/** How scripts name a command: ` config sample`, with a blank before every word. */
function placeOf({ path }: CommandFacts): string {
  return path.map((word) => ` ${word}`).join('');
}

/** Patterns of all commands, for a `case` that finds out how far the line has come. */
function places(program: CommandFacts): string {
  const below = allCommands(program).slice(1);
  return below.map((command) => `'${placeOf(command)}'`).join('|');
}

function bash(name: string, program: CommandFacts): string {
  const cases = allCommands(program).map((command) => {
    return `    '${placeOf(command)}') words='${choicesAt(command)
      .map(({ word }) => word)
      .join(' ')}' ;;`;
  });
  const call = `_${name.replaceAll('-', '_')}`;
  return `# bash completion for ${name}
${call}() {
  local place='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place \${COMP_WORDS[i]}" in
      ${places(program)}) place="$place \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F ${call} ${name}
`;
}

function zsh(name: string, program: CommandFacts): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''");
  const cases = allCommands(program).map((command) => {
    const items = choicesAt(command).map(({ word, about }) => `'${quoted(`${word}:${about}`)}'`);
    return `  '${placeOf(command)}') items=(${items.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# zsh completion for ${name}
local place='' word
local -a items
for word in "\${(@)words[2,CURRENT-1]}"; do
  case "$place $word" in
    ${places(program)}) place="$place $word" ;;
  esac
done
case "$place" in
${cases.join('\n')}
esac
_describe -o '${name}' items
_files
`;
}

function fish(name: string, program: CommandFacts): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const call = `__${name.replaceAll('-', '_')}_at`;
  const below = allCommands(program)
    .slice(1)
    .map((command) => `'${placeOf(command)}'`);
  const rows = allCommands(program).flatMap((command) =>
    choicesAt(command).map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c ${name} -n "${call} '${placeOf(command)}'" ${what} -d ${quoted(about)}`;
    }),
  );
  return `# fish completion for ${name}
function ${call}
  set -l place ''
  for word in (commandline -opc)[2..-1]
    if contains -- "$place $word" ${below.join(' ')}
      set place "$place $word"
    end
  end
  test "$place" = "$argv[1]"
end
${rows.join('\n')}
`;
}
