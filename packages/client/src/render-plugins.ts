// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ContractLine } from './plugin-contract.ts';

/** A plugin, for the list of all. */
export interface ListedPlugin {
  readonly name: string;
  readonly kind: 'built in' | 'executable' | 'shell';
  readonly summary: string;
  readonly file: string | undefined;
  readonly problem: string | undefined;
}

/** What `backup-client plugin list` prints. Pure. */
export function renderPlugins(
  plugins: readonly ListedPlugin[],
  { directory, warnings }: { readonly directory: string; readonly warnings: readonly string[] },
): string {
  const rows = plugins.map(({ name, kind, summary, problem }) => {
    return `${name.padEnd(20)} ${kind.padEnd(10)} ${problem === undefined ? summary : `FAILED: ${problem}`}`;
  });
  const own = plugins.some(({ kind }) => kind !== 'built in') ? [] : [`No plugins of your own in ${directory}.`];
  return `${[...rows, ...own, ...warnings.map((warning) => `warning: ${warning}`)].join('\n')}\n`;
}

/** What `backup-client plugin test` prints of one plugin. Pure. */
export function renderContract(what: string, lines: readonly ContractLine[]): string {
  const rows = lines.flatMap(({ rule, state, message }) => {
    const details = message === '' ? [] : message.split('\n').map((line) => `           ${line}`);
    return [`${state.padEnd(8)}   ${rule}`, ...details];
  });
  return `${[what, ...rows].join('\n')}\n`;
}
