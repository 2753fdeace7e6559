// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolsOf } from '@local-backup/common/config/tools';
import { createRun } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PluginContext } from '../../plugin.ts';
import { hasPipe } from '../../plugin-tools/user-command/validate.ts';
import { command } from './index.ts';
import { options } from './options.ts';

let stage: string;
let said: string[];

beforeEach(() => {
  stage = mkdtempSync(join(tmpdir(), 'command-'));
  said = [];
});

afterEach(() => rmSync(stage, { recursive: true, force: true }));

function contextOf(task: unknown): PluginContext {
  const quiet = () => undefined;
  const log: Log = { debug: quiet, warn: quiet, error: quiet, info: (text) => said.push(text), child: () => log };
  return {
    service: { name: 'shop', type: 'web', configDirectory: stage },
    options: options.parse(task),
    stage,
    exec: createRun({ scrub: (text) => text }),
    tools: toolsOf(),
    log,
    signal: new AbortController().signal,
    remember: async () => undefined,
    remembered: () => undefined,
  };
}

const validate = async (task: unknown) => command.validate?.(contextOf(task));

describe('validate', () => {
  it('finds programs that are not there, all at once', async () => {
    const task = { run: ['no-such-dumper', '-x'], before: ['/no/such/stop'], after: ['bin/start'] };
    const error = await validate(task).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'config' });
    expect((error as Error).message).toMatch(
      /^before: \/no\/such\/stop is no file .*\nrun: no-such-dumper not found in .*\/usr\/bin.*\nafter: bin\/start is a relative path/,
    );
  });

  it('looks where the command will look: on the PATH of the task', async () => {
    await expect(validate({ run: ['sh'], environment: { PATH: stage } })).rejects.toThrow(`not found in ${stage}`);
    expect(await validate({ run: ['sh', '-c', 'true'] })).toEqual([]);
  });

  it('finds lines that sh does not understand, and runs none', async () => {
    const file = join(stage, 'ran');
    await expect(validate({ run: `touch ${file}; if true; then` })).rejects.toThrow(
      /^run: not a command line of `sh`: .*\n.*[Ss]yntax error/,
    );
    expect(await validate({ run: `touch ${file}` })).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('warns of a pipe in a line', async () => {
    expect(await validate({ run: 'false | gzip' })).toEqual([expect.stringContaining('run: of a pipe only the last')]);
    expect(await validate({ run: ['sh', '-c', 'false | gzip'], before: 'true || false' })).toEqual([]);
  });
});

it.each([
  ['a | b', true],
  ['a|b', true],
  ['a || b', false],
  ['grep -E \'a|b\' "c|d" e\\|f', false],
  ['echo x >| file', false],
  ['set -o pipefail; a | b', false],
])('%s: a pipe that nobody watches: %s', (line, expected) => {
  expect(hasPipe(line)).toBe(expected);
});

describe('environment', () => {
  it.each([
    'PGPASSWORD',
    'MYSQL_PWD',
    'api_token',
    'CLIENT_SECRET',
    'AWS_SECRET_ACCESS_KEY',
    'S3_KEY',
    'RCLONE_CONFIG_PASS',
  ])('%s is refused: it looks like a secret', (name) => {
    const { error } = options.safeParse({ run: 'true', environment: { [name]: 'x' } });
    expect(JSON.stringify(error?.issues)).toContain('looks like a secret: let the command read it from a file');
  });

  it('an address with a password in it is refused', () => {
    const { error } = options.safeParse({ run: 'true', environment: { DATABASE: 'postgres://me:pw@db/shop' } });
    expect(error?.issues).toMatchObject([{ path: ['environment', 'DATABASE'] }]);
  });

  it.each(['PGPASSFILE', 'RESTIC_PASSWORD_FILE', 'PGHOST', 'KEYBOARD', 'GOOGLE_APPLICATION_CREDENTIALS'])(
    '%s is taken',
    (name) => {
      expect(options.safeParse({ run: 'true', environment: { [name]: '/x' } }).success).toBe(true);
    },
  );
});

describe('run', () => {
  it('logs what a command that succeeds writes to standard error, short and harmless', async () => {
    const script =
      'echo x; yes "a very long warning that repeats itself" | head -n 1000 >&2; printf "\\033[1mlast" >&2';
    await command.run(contextOf({ run: ['sh', '-c', script], stdout: 'x' }));
    expect(said).toEqual([
      expect.stringMatching(/^sh succeeded, and wrote to standard error:\n(.|\n)*\n {2}\\x1b\[1mlast$/),
    ]);
    expect(said[0]?.length).toBeLessThan(2_200);
  });

  it('says nothing of a command that says nothing', async () => {
    await command.run(contextOf({ run: ['echo', 'x'], stdout: 'x' }));
    expect(said).toEqual([]);
  });

  it('names the options that a time limit comes from', async () => {
    const run = command.run(contextOf({ run: ['sleep', '60'], stdout: 'x', timeout: '1s' }));
    await expect(run).rejects.toThrow(
      'within 1 s and was ended. What limits it, the lowest value counts: `timeout` of',
    );
  });

  it('says why a command failed that has removed its own output', async () => {
    const run = command.run(contextOf({ run: ['sh', '-c', 'rm x; exit 7'], stdout: 'x' }));
    await expect(run).rejects.toThrow('exit code 7');
  });

  it('a time limit of nothing is refused', () => {
    expect(options.safeParse({ run: 'true', timeout: 0 }).error?.issues).toMatchObject([{ path: ['timeout'] }]);
  });
});
