// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Machine } from './fleet.ts';
import { type PageStep, readPage, settingOf } from './install-page.ts';

/** The machines that somebody sets up with docs/install.md in the other hand. */
export interface PageReader {
  /** Everything that the page tells to do on `web1` is done on each of them. */
  readonly clients: readonly Machine[];
  readonly server: Machine;
  /** The last output of each command of the page, by the machine and what was typed. */
  readonly seen: Map<string, string>;
}

/** In these the page is followed; `Upgrade, remove` is told by the tests of the packages. */
const SECTIONS = ['The packages', 'A client', 'The server', 'Every night', 'When the units need more'] as const;
const NOT_TYPED = ['Upgrade, remove'];
export type Section = (typeof SECTIONS)[number];

/** Where the packages are when the page says `apt install ./...`. */
const DIRECTORY = '/root';

const nameOf = (machine: Machine) => `${machine.name}.example.org`;

/**
 * What a reader puts in the place of what the page can only hint at, and where he has it from: the one table of what is
 * typed otherwise than it stands there.
 */
const FILLED_IN: readonly (readonly [from: RegExp, to: (reader: PageReader, client: Machine) => string])[] = [
  [/\bweb1\b/g, (_, client) => client.name],
  [/192\.0\.2\.10/g, ({ server }) => server.address],
  [/ssh-ed25519 AAAA\.\.\. backup-server/g, ({ seen }) => lastSeen(seen, /^backup# cat .*\.pub$/).trim()],
  [/SHA256:\.\.\./g, ({ seen }, { name }) => fingerprintIn(lastSeen(seen, new RegExp(`^${name}# ssh-keygen -lf`)))],
];

/**
 * Follows sections of docs/install.md, line by line.
 *
 * @throws Error for a section or a line of the page that is not understood, and where a command fails
 */
export function followPage(reader: PageReader, ...sections: readonly Section[]): void {
  const steps = readPage(readFileSync('docs/install.md', 'utf8'));
  const unknown = steps.find(({ section }) => ![...SECTIONS, ...NOT_TYPED].includes(section));
  if (unknown !== undefined) throw new Error(`docs/install.md:${unknown.line}: nobody follows "${unknown.section}"`);
  for (const section of sections) {
    const ofSection = steps.filter((step) => step.section === section);
    if (ofSection.length === 0) throw new Error(`docs/install.md has nothing to type below "${section}"`);
    for (const step of ofSection) followStep(step, reader);
  }
}

function followStep(step: PageStep, reader: PageReader): void {
  const { clients, server } = reader;
  if (step.at === 'build') takePackages(step.command, [...clients, server]);
  else if (step.at === 'web1') for (const client of clients) type(step, reader, { on: client, about: client });
  else if (isAboutClient(step)) for (const client of clients) type(step, reader, { on: server, about: client });
  else type(step, reader, { on: server, about: undefined });
}

const isAboutClient = ({ command }: PageStep) => /\bweb1\b/.test(command);

/** The packages have been made once, for all tests of the fleet. */
function takePackages(command: string, machines: readonly Machine[]): void {
  if (!/^npm run build:deb(\s+#|$)/.test(command)) throw new Error(`docs/install.md: nobody can do this: ${command}`);
  const debs = inject('debs');
  for (const machine of machines) {
    for (const deb of readdirSync(debs)) copyFileSync(join(debs, deb), machine.at(`${DIRECTORY}/${deb}`));
  }
}

interface Where {
  readonly on: Machine;
  /** The client that a line is about; undefined: all of them. */
  readonly about: Machine | undefined;
}

function type(step: PageStep, reader: PageReader, { on, about }: Where): void {
  const fill = (text: string, client: Machine) => {
    const filled = FILLED_IN.reduce((all, [from, to]) => all.replace(from, () => to(reader, client)), text);
    if (!/\.\.\.|192\.0\.2\./.test(filled)) return filled;
    throw new Error(`docs/install.md:${step.line}: nobody knows what to fill in: ${filled}`);
  };
  const command = about === undefined ? step.command : fill(step.command, about);
  const shown = about === undefined ? forAll(step.shown, reader, fill) : fill(step.shown, about);
  on.write('/usr/bin/editor', editorThat(step, shown), 0o755);
  // `systemctl edit` wants a terminal.
  const typed = command.startsWith('systemctl edit ') ? `script -qec '${command}' /dev/null` : command;
  try {
    reader.seen.set(`${on.name}# ${command}`, on.run(`cd ${DIRECTORY}; ${typed}`));
  } catch (error) {
    throw new Error(`docs/install.md:${step.line}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A file about all clients: the entry of web1 stands for that of each. */
function forAll(text: string, { clients }: PageReader, fill: (text: string, client: Machine) => string): string {
  const [before = '', entry] = text.split(/^(?= {2}- hostname: )/m);
  return entry === undefined ? before : before + clients.map((client) => fill(entry, client)).join('');
}

/** An editor in which somebody types what the page shows, or sets the one key that it names. */
function editorThat({ command }: PageStep, shown: string): string {
  const setting = settingOf(command);
  if (setting === undefined) return `#!/bin/sh -e\nfor file; do cat >"$file" <<'END'\n${shown}END\ndone\n`;
  const { key, value } = setting;
  return `#!/bin/sh -e\nsed -i 's|^#*${key}:.*|${key}: ${value}|' "$1"\ngrep -qx '${key}: ${value}' "$1"\n`;
}

function lastSeen(seen: ReadonlyMap<string, string>, command: RegExp): string {
  const found = [...seen].filter(([typed]) => command.test(typed)).at(-1);
  if (found === undefined) throw new Error(`docs/install.md: needed, but never shown: ${command}`);
  return found[1];
}

function fingerprintIn(listed: string): string {
  const found = /SHA256:\S+/.exec(listed)?.[0];
  if (found === undefined) throw new Error(`docs/install.md: this shows no fingerprint: ${listed}`);
  return found;
}

/** The machines of a fleet are found by these names, as in the DNS of the reader. */
export { nameOf };
