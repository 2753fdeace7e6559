// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createShellPluginLab, makeYamlReader } from '../helpers/shell-plugin-lab.ts';

let yaml: Awaited<ReturnType<typeof makeYamlReader>>;
let lab: ReturnType<typeof createShellPluginLab>;

beforeAll(async () => {
  yaml = await makeYamlReader();
});
afterAll(() => yaml.remove());
beforeEach(() => {
  lab = createShellPluginLab(yaml.command);
});
afterEach(() => lab.remove());

describe('what a plugin is given', () => {
  it('the block alone, in a file of root that is gone afterwards; a process of its own; both spellings', async () => {
    const plugin = await lab.load('curious.sh');
    const { context } = lab.contextFor(plugin, { key: 'a: "b"\nc', list: [1, 'yes'] });
    await plugin.validate?.(context);
    await expect(plugin.prepare?.(context)).rejects.toThrow('exit code 3');
    await plugin.run(context);
    expect(lab.saved('block')).toBe('key: |-\n  a: "b"\n  c\nlist:\n  - 1\n  - yes\n');
    expect(lab.saved('block-facts')).toMatch(/^600 /);
    expect(lab.saved('block-path')).toContain(lab.at('stage', '.state', 'curious_plugin_run_backup_config.'));
    expect(existsSync(lab.saved('block-path').trim())).toBe(false);
    expect(lab.saved('left-behind')).toBe('nothing\n');
    const environment = lab.saved('environment').split('\n');
    expect(environment).toEqual(
      expect.arrayContaining(['DRY_RUN=false', 'dry_run=0', 'DOCKER_CMD=docker compose', 'LOG_LEVEL=2']),
    );
    expect(environment.find((line) => line.startsWith('WORK_DIR='))).toBeDefined();
  });

  it('an empty file where there is no block', async () => {
    const plugin = await lab.load('curious.sh');
    const { context } = lab.contextFor(plugin, {});
    await plugin.run(context);
    expect(lab.saved('block-facts')).toBe('600 0\n');
  });

  it('every helper, under both names', async () => {
    const plugin = await lab.load('helpers.sh');
    const options = { text: 'it\'s: "quoted"', map: { key: 'inner' }, list: [1, 2, 3] };
    const { context, lines } = lab.contextFor(plugin, options);
    const { warnings } = await plugin.run(context);
    expect(
      lab
        .saved('helpers.txt')
        .split('\n')
        .map((line) => line.split(' ').slice(0, 2).join(' ')),
    ).toEqual([
      'ok check_command',
      'no check_command',
      'no check_command_exists',
      'ok check_command_exists',
      'ok check_perms',
      'no check_permissions',
      'ok check_disk',
      'no check_disk_space',
      'ok is_valid_path',
      'no is_valid_path',
      'ok run_cmd',
      'no run_cmd',
      'ok syntax_check_shell_script',
      'ok syntax_check_yaml_file',
      "value it's:",
      'nested inner',
      'default none',
      'list 3',
      '700',
      '600 regular',
      '700',
      '',
    ]);
    expect(warnings).toEqual(['an error', 'a warning']);
    expect(lines).toEqual(['info: information']);
  });
});

describe('where a plugin looks for its helpers', () => {
  const run = async (file: string) => {
    const plugin = await lab.loadFile(file);
    const { context } = lab.contextFor(plugin, { name: 'value' });
    await plugin.run(context);
    return lab.saved('out');
  };
  const body = 'plugin_handles_task_type() { echo own; }\nplugin_validate_config() { :; }\n';

  it('a common_functions.sh of the user is taken before ours, and what lies beside the plugin is there', async () => {
    const directory = lab.at('plugins');
    mkdirSync(directory);
    writeFileSync(join(directory, 'common_functions.sh'), 'helper() { echo "of the user"; }\n');
    writeFileSync(join(directory, 'lib.inc'), 'lib() { echo "of the library"; }\n');
    const sources = 'for f in common_functions.sh lib.inc; do source "$(dirname "${BASH_SOURCE[0]}")/$f"; done\n';
    const runs = 'plugin_run_backup() { { helper; lib; log_debug x; check_command sh && echo both; } > "$2/out"; }\n';
    writeFileSync(join(directory, 'own.sh'), sources + body + runs);
    expect(await run(join(directory, 'own.sh'))).toBe('of the user\nof the library\nboth\n');
  });

  it('a temporary directory that is mounted noexec is no obstacle', async () => {
    const mounted = lab.at('noexec');
    mkdirSync(mounted);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec,size=4m', 'tmpfs', mounted]);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = mounted;
    try {
      const runs = `plugin_run_backup() {
  check_command_exists "$YQ_CMD" && { get_yaml_value "$1" .name; "$YQ_CMD" e '.name | length' "$1"; } > "$2/out"
}\n`;
      writeFileSync(lab.at('own.sh'), body + runs);
      expect(await run(lab.at('own.sh'))).toBe('value\n5\n');
      expect(readdirSync(mounted)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      execFileSync('umount', [mounted]);
    }
  });
});
