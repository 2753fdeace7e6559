// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Memo, Plugin, PluginContext } from '../../packages/client/src/plugin.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import type { Log } from '../../packages/common/src/log.ts';
import { createPluginDirectory, hearingLog, loadExecutable } from '../helpers/own-plugins.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { silentLog } from '../helpers/silent-log.ts';

let plugins: ReturnType<typeof createPluginDirectory>;
const at = (...names: string[]) => join(plugins.root, ...names);

beforeEach(() => {
  plugins = createPluginDirectory();
  for (const name of ['stage', 'copy', 'scratch', 'kept']) mkdirSync(at(name), { mode: 0o700 });
});
afterEach(() => plugins.remove());

/** A plugin in sh: `cases` are branches of a `case`, each `stage) commands ;;`. What they do not name is not there. */
function script(cases: string): Promise<Plugin> {
  return loadExecutable(plugins.add('thing', `#!/bin/sh\ncase $1 in\n${cases}\n*) exit 64 ;;\nesac\n`));
}

interface Given {
  readonly options?: unknown;
  readonly memo?: Memo;
  readonly log?: Log;
  readonly exec?: Run;
}

const contextOf = (plugin: Plugin, { options = {}, memo, log = silentLog, exec }: Given = {}): PluginContext =>
  pluginContext(plugin, { options, log, stage: at('stage'), ...(memo ? { memo } : {}), ...(exec ? { exec } : {}) });

/** What the journal holds on disk. */
const onDisk = ({ remembered }: PluginContext): Memo => JSON.parse(JSON.stringify(remembered()));

/** What has ended and waits for its parent is not alive. */
function isAlive(pid: string): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

describe('stages', () => {
  it('needs nothing but run: the others are taken for missing', async () => {
    const plugin = await script('run) echo data > file ;;');
    const context = contextOf(plugin);
    await plugin.validate?.(context);
    await plugin.prepare?.(context);
    expect(await plugin.run(context)).toMatchObject({ trees: [], warnings: [], facts: {} });
    await plugin.post?.(context);
    expect(readFileSync(at('stage', 'thing', 'file'), 'utf8')).toBe('data\n');
    expect(readdirSync(at('stage'))).toEqual(['thing']);
    const copy = { options: {}, copy: at('copy'), scratch: at('scratch') };
    expect(await plugin.verify?.(copyContext(plugin, copy))).toEqual([]);
    const restore = restoreContext(plugin, { ...copy, kept: at('kept') });
    expect(await plugin.restore?.plan(restore)).toMatchObject([{ action: 'note' }]);
    expect(await plugin.restore?.apply(restore)).toEqual([expect.stringContaining('put back by hand')]);
  });

  it.each([
    ['run) exit 64 ;;', 'exit code 64'],
    ['run) echo half > file; exit 3 ;;', 'exit code 3'],
    ['run) ;;', 'wrote no file into its working directory'],
    ['run) echo broken >&2; exit 1 ;;', 'broken'],
    ['run) echo data > file; head -c 17000000 /dev/zero ;;', 'What is to be saved belongs into files'],
  ])('%s is a failure', async (cases, message) => {
    const plugin = await script(cases);
    await expect(plugin.run(contextOf(plugin))).rejects.toThrow(message);
  });

  it('64 with a word beside it is a failure, not a missing stage', async () => {
    const plugin = await script("prepare) echo 'mail: unknown option' >&2; exit 64 ;;");
    await expect(plugin.prepare?.(contextOf(plugin))).rejects.toThrow(
      /thing prepare failed with exit code 64(.|\n)*mail:/,
    );
  });

  it('a stage that the description does not list is not called, one that it lists must be there', async () => {
    const plugin = await script(`describe) echo '{"describe": {"stages": ["prepare"]}}' ;;
      validate) touch ${at('called')} ;;`);
    expect(plugin.validate).toBeUndefined();
    expect(plugin.restore).toBeUndefined();
    await expect(plugin.prepare?.(contextOf(plugin))).rejects.toThrow('failed with exit code 64');
    expect(existsSync(at('called'))).toBe(false);
  });

  it('one that hangs is ended, and whatever it has started', async () => {
    const plugin = await script(`prepare) sleep 600 & echo $! > ${at('child')}; wait ;;`);
    const run = createRun({ scrub: (text) => text });
    const exec: Run = (program, args, options) => run(program, args, { ...options, timeoutMs: 2_000 });
    await expect(plugin.prepare?.(contextOf(plugin, { exec }))).rejects.toThrow('did not finish within 2 s');
    const child = readFileSync(at('child'), 'utf8').trim();
    expect(isAlive(child)).toBe(false);
  });
});

describe('what it is given', () => {
  it('options on standard input and as variables, facts in the environment', async () => {
    const plugin = await script('run) cat > options; env > environment ;;');
    const options = { name: "it's $HOME", 'max-size': 5, list: ['a', 'b c'], map: { a: 1 }, flag: false };
    const context = contextOf(plugin, { options });
    const { name, type } = context.service;
    await plugin.run(context);
    const saved = (name: string) => readFileSync(at('stage', 'thing', name), 'utf8');
    expect(JSON.parse(saved('options'))).toEqual(options);
    expect(saved('environment')).toMatch(/^BACKUP_OPTION_LIST=a\nb c\n/m);
    expect(saved('environment').split('\n')).toEqual(
      expect.arrayContaining([
        ...["BACKUP_OPTION_NAME=it's $HOME", 'BACKUP_OPTION_MAX_SIZE=5', 'BACKUP_OPTION_FLAG=false'],
        ...[`BACKUP_SERVICE=${name}`, `BACKUP_TYPE=${type}`, 'BACKUP_TASK=thing', 'DRY_RUN=false', 'LOG_LEVEL=2'],
        ...[`BACKUP_STAGE=${at('stage', 'thing')}`, 'BACKUP_CONFIG_DIRECTORY=/nonexistent', 'BACKUP_PROTOCOL=1'],
      ]),
    );
    expect(saved('environment')).not.toContain('BACKUP_OPTION_MAP');
  });
});

describe('what it answers', () => {
  it('warnings, facts, trees and tables go where they belong; everything else is a line of the log', async () => {
    const plugin = await script(`run) cat <<'END'
plain text
{"log": "warn", "message": "careful"}
{"warning": "the cache was left out"}
{"fact": {"engine": "3.1"}}
{"tables": {"public.orders": 12, "public.big": null}}
{"tree": {"root": "/srv/thing", "paths": ["files"], "exclude": ["*.tmp"]}}
{this is no JSON
[1, 2]
END
;;`);
    const { log, lines } = hearingLog();
    expect(await plugin.run(contextOf(plugin, { log }))).toEqual({
      warnings: ['the cache was left out'],
      facts: { engine: '3.1' },
      tables: new Map([
        ['public.orders', 12],
        ['public.big', undefined],
      ]),
      trees: [{ root: '/srv/thing', paths: ['files'], exclude: ['*.tmp'], into: 'thing-data', oneFileSystem: true }],
    });
    expect(lines).toEqual(['info: plain text', 'warn: careful', 'info: {this is no JSON', 'info: [1, 2]']);
  });

  it.each([
    ['{"warnign": "x"}', 'thing run, line 2 of its output: no key of the protocol: warnign'],
    ['{"warning": "x", "level": 3}', 'unknown key beside `warning`: level'],
    ['{"check": {"name": "a", "status": "ok"}}', '`check` belongs to verify, restore-verify, not to run'],
    ['{"tree": {"root": "srv", "paths": ["a"]}}', 'tree.root: must be an absolute path'],
    ['{"tree": {"root": "/srv", "paths": ["a"], "into": "../../etc"}}', 'tree.into: must be a name'],
    ['{"tree": {"root": "/srv", "paths": ["a/../../b"]}}', 'tree.paths.0: must be relative to `root`, without `..`'],
    ['{"tree": {"root": "/srv", "paths": ["a", "a/b"]}}', 'would be saved twice'],
    ['{"fact": {"a": 1}}', 'fact.a: '],
    ['{"log": "info"}', '`log` needs its text in `message`'],
  ])('%s is refused, with its line', async (line, message) => {
    const plugin = await script(`run) echo text; echo '${line}'; echo data > file ;;`);
    await expect(plugin.run(contextOf(plugin))).rejects.toThrow(message);
  });

  it.each(['a line of text', '{"log": "info", "message": "a line"}'])(
    'a flood of %s fills neither the memory nor the log',
    async (line) => {
      const plugin = await script(`run) yes '${line}' | head -n 100000; echo data > file ;;`);
      const { log, lines } = hearingLog();
      await plugin.run(contextOf(plugin, { log }));
      expect(lines).toHaveLength(1_001);
      expect(lines.at(-1)).toBe('info: ... and 99000 more lines from run.');
    },
  );

  it('a description that cannot be used is refused', async () => {
    const describes = (text: string) => script(`describe) echo '{"describe": ${text}}' ;;`);
    await expect(describes('{"stages": ["run", "nonsense"]}')).rejects.toThrow('describe.stages.1: ');
    await expect(describes('{"options": {"type": "string"}}')).rejects.toThrow('must be `object`');
    await expect(describes('{"options": {"type": "object", "properties": {"a": {"type": "nope"}}}}')).rejects.toThrow(
      'its schema of options cannot be used',
    );
    await expect(script('describe) exit 5 ;;')).rejects.toThrow('exit code 5');
  });
});

describe('$BACKUP_STATE', () => {
  const cases = (body: string) => `prepare) ${body} ;; post) cat "$BACKUP_STATE" > ${'$'}{0%/*}/../seen ;;`;
  const seen = () => readFileSync(at('seen'), 'utf8');

  it('what prepare remembers is in the journal at once, and in post', async () => {
    const wait = `for turn in $(seq 600); do [ -e ${at('go')} ] && break; sleep 0.05; done`;
    const plugin = await script(cases(`echo '{"remember": {"was": "running"}}'; ${wait}; exit 1`));
    const context = contextOf(plugin);
    const prepared = expect(plugin.prepare?.(context)).rejects.toThrow('exit code 1');
    await expect.poll(() => context.remembered()?.state, { timeout: 30_000 }).toBe('{"was":"running"}');
    writeFileSync(at('go'), '');
    await prepared;
    await plugin.post?.(contextOf(plugin, { memo: onDisk(context) }));
    expect(seen()).toBe('{"was":"running"}');
  });

  it('what prepare has written into it is in post, also after it has failed', async () => {
    const plugin = await script(cases('echo stopped > "$BACKUP_STATE"; exit 1'));
    const context = contextOf(plugin);
    await expect(plugin.prepare?.(context)).rejects.toThrow('exit code 1');
    await plugin.post?.(contextOf(plugin, { memo: onDisk(context) }));
    expect(seen()).toBe('stopped\n');
    expect(readdirSync(at('stage'))).toEqual([]);
  });

  it('what a killed prepare has written is found where the run has left it', async () => {
    const plugin = await script(cases('exit 0'));
    const file = at('stage', '.thing.backup-state');
    writeFileSync(file, 'half');
    const context = contextOf(plugin, { memo: { begun: true, file, state: '' } });
    await plugin.post?.(context);
    expect(seen()).toBe('half');
    // It is in the journal by now: the directory of the killed run is going to be removed.
    expect(context.remembered()).toMatchObject({ state: 'half' });
    rmSync(at('seen'));
    await plugin.post?.(context);
    expect(seen()).toBe('half');
  });

  it('is still there for a second try where post has failed', async () => {
    const plugin = await script(`post) [ -e ${at('mended')} ] || exit 1; cat "$BACKUP_STATE" > ${at('seen')} ;;`);
    const file = at('stage', '.thing.backup-state');
    writeFileSync(file, 'half');
    const memo = { begun: true, file, state: '' };
    await expect(plugin.post?.(contextOf(plugin, { memo }))).rejects.toThrow('exit code 1');
    writeFileSync(at('mended'), '');
    // As recovery does it: with the options of today, and the journal as it was read before.
    await plugin.post?.(contextOf(plugin, { memo }));
    expect(seen()).toBe('half');
  });

  it('too much of it is refused', async () => {
    const plugin = await script(cases('head -c 70000 /dev/zero > "$BACKUP_STATE"'));
    await expect(plugin.prepare?.(contextOf(plugin))).rejects.toThrow('more than 65536 bytes into $BACKUP_STATE');
  });
});
