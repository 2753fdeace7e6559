// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import { FUNCTIONS, type FunctionName, PROBE } from './driver.ts';
import { type WorkshopSettings, withWorkshop } from './workshop.ts';

/** What a plugin of the original shell version says of itself. */
export interface Probed {
  readonly file: string;
  readonly functions: ReadonlySet<FunctionName>;
  /**
   * How its functions are called. 2: `(config, backup directory)`, as its documentation had it; 3: `(config, directory of
   * the service.yaml, backup directory)`, as its code had it.
   */
  readonly api: 2 | 3;
  /** The task keys that it handles. */
  readonly types: readonly string[];
}

export interface ProbeIo extends WorkshopSettings {
  readonly exec: Run;
  readonly signal: AbortSignal;
  /** Added to the environment of every call. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A plugin is only read; one that does not come to its end is broken. */
const PROBE_TIMEOUT_MS = 30_000;

/** Task keys, as people write them. */
const TASK_KEY = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/**
 * Reads a plugin with bash and asks what it handles.
 * @param candidates task keys of this host that it may claim
 * @throws BackupError where bash cannot read it
 */
export async function probeShellPlugin(file: string, candidates: readonly string[], io: ProbeIo): Promise<Probed> {
  const { stdout } = await withWorkshop(file, io, async (workshop) => {
    return io.exec('bash', ['-c', PROBE, workshop.file, ...candidates.filter((key) => TASK_KEY.test(key))], {
      cwd: '/',
      // Lines for people would be taken for an answer.
      env: { ...io.environment, ...workshop.env, LOG_LEVEL: '0', verbose: '0' },
      timeoutMs: PROBE_TIMEOUT_MS,
      signal: io.signal,
    });
  });
  return parseProbe(file, stdout);
}

/**
 * Reads what the probe has printed. A plugin that echoes its type is written after the documentation, one that answers by its
 * exit code after the code (F2); `PLUGIN_API=2` or `3` in the file settles it.
 * @throws BackupError where it claims nothing, or its PLUGIN_API is neither
 */
export function parseProbe(file: string, text: string): Probed {
  const lines = text.split('\n');
  const after = (word: string) => {
    return lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());
  };
  const echoed = after('echo');
  const [given] = after('api');
  if (given !== undefined && given !== '2' && given !== '3') {
    throw new BackupError('config', `${file}: PLUGIN_API has to be 2 or 3.`);
  }
  const types = [...new Set([...echoed, ...after('claims')])].filter((type) => TASK_KEY.test(type));
  const functions = new Set(FUNCTIONS.filter((name) => after('function').includes(name)));
  return { file, functions, api: given === undefined ? (echoed.length > 0 ? 2 : 3) : given === '2' ? 2 : 3, types };
}
