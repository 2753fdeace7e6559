// SPDX-License-Identifier: AGPL-3.0-or-later
import type { createProgram } from '../../packages/server/src/cli/program.ts';

/** A command of commander, as both programs have them. */
type Command = ReturnType<typeof createProgram>;

/** One option, as it is typed and told. */
export interface OptionFacts {
  /** `-s, --service <name...>` */
  readonly flags: string;
  readonly short: string | undefined;
  readonly long: string | undefined;
  readonly description: string;
  /** Shown where there is one. */
  readonly fallback: string | undefined;
}

/** One command of a program, or the program itself: what manual pages and completions are made from. */
export interface CommandFacts {
  /** Words after the program's name: `['config', 'sample']`; none for the program itself. */
  readonly path: readonly string[];
  /** `[options] <archive>` */
  readonly usage: string;
  readonly description: string;
  readonly options: readonly OptionFacts[];
  readonly arguments: readonly { readonly name: string; readonly description: string }[];
  /** Text that help shows at its end: examples, exit codes. */
  readonly epilogue: string;
  readonly commands: readonly CommandFacts[];
}

/** Reads a program of commander, with all of its commands. */
export function factsOf(command: Command, path: readonly string[] = []): CommandFacts {
  const visible = new Set(command.createHelp().visibleCommands(command));
  return {
    path,
    usage: command.usage(),
    description: command.description(),
    options: command.options
      .filter((option) => !option.hidden)
      .map(({ flags, short, long, description, defaultValue }) => {
        const fallback = typeof defaultValue === 'string' ? defaultValue : undefined;
        return { flags, short, long, description, fallback };
      }),
    arguments: command.registeredArguments.map((argument) => {
      return { name: argument.name(), description: argument.description };
    }),
    epilogue: epilogueOf(command),
    // Without those that programs start, not people.
    commands: command.commands
      .filter((child) => visible.has(child))
      .map((child) => factsOf(child, [...path, child.name()])),
  };
}

/** All commands below, and the program itself first. */
export function allCommands(program: CommandFacts): readonly CommandFacts[] {
  return [program, ...program.commands.flatMap(allCommands)];
}

/** Commander tells added help texts to whoever writes the help, and to nobody else. */
function epilogueOf(command: Command): string {
  let help = '';
  const writeOut = (text: string) => {
    help += text;
  };
  command.configureOutput({ writeOut });
  command.outputHelp();
  const own = command.helpInformation();
  return help.startsWith(own) ? help.slice(own.length).trim() : '';
}
