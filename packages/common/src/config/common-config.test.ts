// SPDX-License-Identifier: AGPL-3.0-or-later
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is tested is shell syntax
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommonConfig } from './common-config.ts';
import { toolsOf } from './tools.ts';

const FILE = '/etc/backup/common_config';

function read(text: string, environment: Record<string, string> = {}) {
  return parseCommonConfig(text, FILE, environment);
}

function complaints(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    expect(error).toMatchObject({ name: 'BackupError', code: 'config' });
    const lines = (error as Error).message.split('\n').filter((line) => line.startsWith(FILE));
    return lines.map((line) => line.slice(FILE.length + 1));
  }
  return [];
}

it("reads the original's file unchanged", async () => {
  const original = new URL('../../../../test/fixtures/original-config/common_config', import.meta.url);
  const config = read(await readFile(original, 'utf8'));
  expect(config).toMatchObject({
    adminEmail: 'admin+backup@example.org',
    pluginDir: '/opt/backup/lib/plugins',
    minFreeSpaceMb: 500,
    keepDays: 7,
    logLevel: 'warn',
    warnings: [],
  });
  expect(toolsOf(config.commands)).toMatchObject({ docker: ['docker', 'compose'], msmtp: ['msmtp'], jq: ['jq'] });
});

it('a file without anything sets nothing', () => {
  expect(read('')).toEqual({
    adminEmail: undefined,
    pluginDir: undefined,
    minFreeSpaceMb: undefined,
    keepDays: undefined,
    logLevel: undefined,
    commands: {},
    warnings: [],
  });
});

describe('values are what a shell would make of them', () => {
  it.each([
    ['TAR_CMD=tar', 'tar'],
    ['TAR_CMD="a b"', 'a b'],
    ['TAR_CMD=\'$HOME `x` "y"\'', '$HOME `x` "y"'],
    ['  export TAR_CMD="tar" # comment', 'tar'],
    ['TAR_CMD=a"b"\'c\'\\ d', 'abc d'],
    ['TAR_CMD="a\\"b\\$c\\d"', 'a"b$c\\d'],
    ['TAR_CMD=x#y', 'x#y'],
    ['TAR_CMD=', ''],
    ['TAR_CMD=$SET', 'from outside'],
    ['TAR_CMD=pre-${SET}-post', 'pre-from outside-post'],
    ['TAR_CMD="${MISSING:-a b}"', 'a b'],
    ['TAR_CMD=${MISSING-${SET}}', 'from outside'],
    ['TAR_CMD="${EMPTY:-x}${EMPTY-y}."', 'x.'],
    ['DIR=/opt\nTAR_CMD="$DIR/tar"', '/opt/tar'],
    ['TAR_CMD=a\nTAR_CMD=b', 'b'],
    ['TAR_CMD="5$"', '5$'],
    ['TAR_CMD=a\r\n', 'a'],
  ])('%s', (text, value) => {
    expect(read(text, { SET: 'from outside', EMPTY: '' }).commands.TAR_CMD).toBe(value);
  });
});

describe('nothing is executed: everything else is refused where it is', () => {
  it.each([
    ['A=$(id)', '1:3: A: a command in `$(...)`'],
    ['A="x $(id)"', '1:6: A: a command in `$(...)`'],
    ['A="`id`"', '1:4: A: a command in backticks'],
    ['A=a; rm -rf /', '1:4: A: `;` is shell syntax'],
    ['A=a|b', '1:4: A: `|` is shell syntax'],
    ['A=a b', '1:5: A: something follows the value'],
    ['A="a"; reboot', '1:6: A: `;` is shell syntax'],
    ['A=(a b)', '1:3: A: `(` is shell syntax'],
    ['A="x', '1:5: A: the double quote is not closed'],
    ["A='x", '1:3: A: the single quote is not closed'],
    ['A=${B', '1:3: A: only `$X`'],
    ['A=${B:-x', '1:9: A: `${` is not closed'],
    ['A=${B:?gone}', '1:3: A: only `$X`'],
    ['A=$1', '1:3: A: only `$X`'],
    ['A=$B', '1:3: A: `B` is set neither above nor in the environment'],
    ['A=~/x', '1:3: A: `~` is not replaced'],
    ['A=x\\', '1:4: A: a value that goes on'],
    ['source /etc/other', '1:1: only lines of the form KEY="value"'],
    ['  reboot', '1:3: only lines of the form KEY="value"'],
    ['A+=x', '1:1: only lines of the form KEY="value"'],
    ['if true; then\nA=x\nfi', '1:1: only lines of the form KEY="value"'],
  ])('%s', (text, complaint) => {
    expect(complaints(text)[0]).toContain(complaint);
  });
});

it('known settings are checked, all complaints at once', () => {
  expect(complaints('DEFAULT_KEEP_DAYS=0\nLOG_LEVEL="4"\n\nDEFAULT_PLUGIN_DIR=plugins\nreboot')).toEqual([
    '1:19: DEFAULT_KEEP_DAYS: must be a whole number of at least 1, but is "0"',
    '2:11: LOG_LEVEL: must be a whole number from 0 to 3, but is "4"',
    '4:20: DEFAULT_PLUGIN_DIR: must be an absolute path, starting with `/`, but is "plugins"',
    '5:1: only lines of the form KEY="value" are understood; nothing is executed here',
  ]);
});

it('unknown settings are kept out, with a warning', () => {
  expect(read('DEFAULT_KEEP_DAY=3').warnings).toEqual([
    `${FILE}:1:1: DEFAULT_KEEP_DAY: no setting of this program, ignored. Did you mean \`DEFAULT_KEEP_DAYS\`?`,
  ]);
});

it('whatever the text, the only error is a complaint', () => {
  const pieces = fc.constantFrom(...'A=|B=|$|{|}|A|:-|-|"|\'|`|(|)|;| |\n|#|\\|export |return 0|x|~|='.split('|'));
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (words) => {
      for (const complaint of complaints(words.join(''))) expect(complaint).toMatch(/^\d+:\d+: /);
    }),
    { numRuns: 500 },
  );
});
