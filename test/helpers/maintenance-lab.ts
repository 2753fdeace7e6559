// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSystemLab, type Running, type SystemLab, until } from './system-lab.ts';

const DAY = 86_400_000;

/** restic, that stands still before or after a command as long as there is a file `<itself>-hold-<when>-<command>`. */
const HOLDING = `#!/bin/sh
verb=$1
case " $* " in *" --dry-run "*) verb=$1-dry ;; esac
hold() { if [ -e "$0-hold-$1" ]; then touch "$0-held"; while [ -e "$0-hold-$1" ]; do sleep 0.05; done; fi; }
hold "before-$verb"
restic "$@"; code=$?
hold "after-$verb"
exit $code
`;

const MAINTENANCE = `  maintenance:
    forget_policy: --keep-last 3
    admin_email: storage@example.org
    email_subject_prefix: "[Restic Maint]"
    show_stats: true
`;

/** A lab whose repository can be given a past, and whose restic can be stopped on its way. */
export async function createMaintenanceLab() {
  const lab = await createSystemLab();
  lab.write(lab.at('restic'), HOLDING, 0o700);
  const config = readFileSync(lab.serverConfig, 'utf8')
    .replace('restic:\n', `restic:\n  restic_cmd: ${lab.at('restic')}\n${MAINTENANCE}`)
    .replace('global:\n', 'global:\n  hostname: backup1\n');
  lab.write(lab.serverConfig, config);
  const restic = (args: readonly string[], cwd = lab.root) =>
    execFileSync('restic', ['-r', lab.repository, '-p', lab.at('password'), '--no-cache', ...args], {
      cwd,
      env: { ...process.env, TZ: 'UTC' },
      stdio: 'pipe',
    });
  return {
    ...lab,
    restic,
    /** ISO time of so many days ago. */
    daysAgo: (days: number) => new Date(Date.now() - days * DAY).toISOString(),
    /** Adds snapshots of the host with times so many days ago. */
    addPast(...days: readonly number[]): void {
      mkdirSync(lab.at('past'), { recursive: true });
      for (const ago of days) {
        writeFileSync(lab.at('past/state.txt'), `${ago} days ago`);
        const time = new Date(Date.now() - ago * DAY).toISOString().slice(0, 19).replace('T', ' ');
        restic(['backup', '--quiet', '--host', 'lab1', '--time', time, '.'], lab.at('past'));
      }
    },
    /** Starts a program and waits until its restic stands still `before-check`, `after-forget`, ... */
    async startHeld(what: string, start: () => Running): Promise<Running> {
      rmSync(lab.at('restic-held'), { force: true });
      writeFileSync(lab.at(`restic-hold-${what}`), '');
      const running = start();
      await until(`restic is held ${what}`, () => existsSync(lab.at('restic-held')));
      return running;
    },
    letGo: (what: string): void => rmSync(lab.at(`restic-hold-${what}`), { force: true }),
    ids: (): string[] => lab.snapshots().map(({ id }) => id.slice(0, 8)),
    upkeepState: () => JSON.parse(readFileSync(join(lab.at('server-state/upkeep'), 'lab1.json'), 'utf8')),
  };
}

export type MaintenanceLab = SystemLab & Awaited<ReturnType<typeof createMaintenanceLab>>;

/** Waits until a running program has written something. */
export function untilSays({ child }: Running, text: string): Promise<void> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: string) => {
      output += chunk;
    });
  }
  return until(`it says "${text}"`, () => output.includes(text));
}
