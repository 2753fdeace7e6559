// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A package whose code is inside a program. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As in its package.json: `MIT`. */
  readonly licence: string;
  /** The whole text of its licence file. */
  readonly text: string;
}

/**
 * The packages that files of a bundle come from.
 * @param inputs paths of the files, relative to `root`, as esbuild lists them
 * @throws Error where a package has no licence file: it must not be given away without one
 */
export async function bundledPackages(inputs: Iterable<string>, root: string): Promise<readonly BundledPackage[]> {
  const directories = new Set<string>();
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) directories.add(match[1]);
  }
  const packages = await Promise.all([...directories].map((directory) => readPackage(join(root, directory))));
  return packages.sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

async function readPackage(directory: string): Promise<BundledPackage> {
  const { name, version, license, licenses } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
  // Old packages have a list of them.
  const licence: unknown = license ?? licenses?.[0]?.type;
  const file = (await readdir(directory)).find((entry) => /^(?:licen[cs]e|copying)(?:\.|$|-)/i.test(entry));
  const text = file === undefined ? await licenceInReadme(directory) : await readFile(join(directory, file), 'utf8');
  if (text === undefined || typeof licence !== 'string') throw new Error(`${name} ${version} has no licence file.`);
  return { name, version, licence, text };
}

/** Some packages have their licence in the README alone. */
async function licenceInReadme(directory: string): Promise<string | undefined> {
  const file = (await readdir(directory)).find((entry) => /^readme/i.test(entry));
  const readme = file === undefined ? '' : await readFile(join(directory, file), 'utf8');
  return /^#+\s*licen[cs]e\b[^\n]*\n([\s\S]*?)(?=^#|(?![\s\S]))/im.exec(readme)?.[1]?.trim();
}

/**
 * debian/copyright in its machine-readable format: our licence, and that of every package that is inside a program.
 * @param ownLicence the text of LICENSE
 */
export function renderCopyright(ownLicence: string, packages: readonly BundledPackage[]): string {
  const own = [
    'Files: *',
    'Copyright: 2026 Local Backup System contributors',
    'License: AGPL-3.0-or-later',
    field(ownLicence),
  ];
  const others = packages.map(({ name, version, licence, text }) => {
    const owners = [...new Set(text.match(/^.*\bcopyright\b.*\d{4}.*$|^.*\(c\).*$/gim) ?? [])].map((line) =>
      line.trim(),
    );
    return [
      `Files: bundled/${name}@${version}/*`,
      `Copyright: ${owners.length === 0 ? `the authors of ${name}` : owners.join('\n ')}`,
      `License: ${licence}-${name.replaceAll(/[@/]/g, '')}`,
      field(isApache(text) ? APACHE : text),
    ];
  });
  const head = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: Local Backup System',
    'Comment: Each program is one file, which holds the packages below `bundled/` as well.',
  ];
  return `${[head, own, ...others].map((paragraph) => paragraph.join('\n')).join('\n\n')}\n`;
}

/** Debian has the text of this one on every machine, and wants it named there instead of copied. */
const APACHE = 'On Debian systems, the full text of this licence is in /usr/share/common-licenses/Apache-2.0.';

function isApache(text: string): boolean {
  return /Apache License\s+Version 2\.0/.test(text);
}

/** A multi-line field: every line is indented, an empty one is a dot. */
function field(text: string): string {
  return text
    .trim()
    .split(/\r?\n/)
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');
}
