// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { BackupError } from '@local-backup/common/errors';
import { UnknownExpression } from '../plugins/shell-plugin/yaml-parse.ts';
import { parseYqArguments, printResults, queryYaml } from '../plugins/shell-plugin/yaml-query.ts';

/**
 * `backup-client plugin yaml`: what plugins of the shell version call as `$YQ_CMD`.
 * @throws BackupError `usage` for what only the real yq knows, `failed` where the file cannot be read or nothing was found
 */
export async function pluginYaml(args: readonly string[], print: (text: string) => void): Promise<void> {
  const { expression, file, isStrict } = understood(() => parseYqArguments(args));
  const text = await readFile(file ?? '/dev/stdin', 'utf8').catch((cause) => {
    throw new BackupError('failed', `${file ?? 'Standard input'} cannot be read: ${String(cause)}`, { cause });
  });
  const value = text.trim() === '' ? null : readYaml(text, file ?? 'standard input').value;
  const results = understood(() => queryYaml(expression, value));
  print(printResults(results));
  const isFound = results.some((result) => result !== null && result !== undefined && result !== false);
  if (isStrict && !isFound) throw new BackupError('failed', `${expression}: nothing found.`);
}

function understood<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UnknownExpression)) throw error;
    const message = `Not understood: ${error.message}. Install yq, and backup-client calls it for this.`;
    throw new BackupError('usage', message, { cause: error });
  }
}
