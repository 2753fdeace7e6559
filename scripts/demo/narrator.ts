// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const bold = (text: string) => (colour ? `\x1b[1m${text}\x1b[0m` : text);
const dim = (text: string) => (colour ? `\x1b[2m${text}\x1b[0m` : text);

let step = 0;

/** Heading of the next step of the demo. */
export function heading(text: string): void {
  step += 1;
  say(`\n${bold(`${step}. ${text}`)}`);
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Something that another program wrote, set off from the demo's own words. */
export function quote(text: string): void {
  for (const line of text.trimEnd().split('\n')) say(dim(`   | ${line}`));
}

export class CommandFailed extends Error {}

/** Children that Ctrl-C has to end, and that the demo waits for before it cleans up. */
const running = new Set<ReturnType<typeof spawn>>();

/** Ends what is running; resolves when it is gone. */
export async function endRunning(): Promise<void> {
  await Promise.all(
    [...running].map((child) => {
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGINT');
      return gone;
    }),
  );
}

/**
 * Runs one of the programs in the foreground, shows the command line and what it prints.
 * @throws CommandFailed when it ends with another exit code than 0
 */
export async function show(title: string, program: string, args: readonly string[]): Promise<string> {
  say(`   $ ${title}`);
  // A process group of its own: Ctrl-C reaches the demo, which passes it on once and waits.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      quote(line);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  running.delete(child);
  if (code !== 0) throw new CommandFailed(`\`${title}\` ended with exit code ${code}.`);
  return lines.join('\n');
}
