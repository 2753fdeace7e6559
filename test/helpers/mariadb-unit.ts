// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientOf, INSTALL, idOf, SMALL, type TestMariadb } from './mariadb.ts';

/** A real server that is stopped and started by a program in place of systemctl, which knows this unit alone. */
export interface UnitMariadb extends TestMariadb {
  /** To be first in PATH. */
  readonly bin: string;
  readonly data: string;
  /** `start`, `stop` */
  systemctl(verb: string): void;
  /** Removes what restores have left beside the data directory. */
  clean(): void;
}

/** The directory, and the words that start the server, are put in. */
const SYSTEMCTL = `#!/bin/bash
HOME_DIR='@HOME@'
unit="\${@: -1}"
pid=$(cat "$HOME_DIR/run/pid" 2>/dev/null)
runs() { [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }
[ "$1" = show ] || echo "$*" >> "$HOME_DIR/calls"
[ "$unit" = mariadb.service ] || { [ "$1" = show ] && echo LoadState=not-found; exit 0; }
case "$1" in
  show) echo LoadState=loaded; if runs; then echo ActiveState=active; else echo ActiveState=inactive; fi; echo RequiredBy= ;;
  stop) runs && kill "$pid"; while runs; do sleep 0.02; done ;;
  start)
    runs && exit 0
    rm -f "$HOME_DIR/run/pid"
    @SERVER@ < /dev/null > "$HOME_DIR/log" 2>&1 &
    server=$!
    until mariadb-admin --no-defaults --socket="$HOME_DIR/run/s" ping > /dev/null 2>&1; do
      kill -0 $server 2>/dev/null || { tail -5 "$HOME_DIR/log" >&2; exit 1; }
      sleep 0.05
    done ;;
esac
`;

/** Makes a server and its unit, and starts it. */
export async function startUnitMariadb(): Promise<UnitMariadb> {
  const directory = mkdtempSync(join(tmpdir(), 'mdu-'));
  chmodSync(directory, 0o755);
  const [data, run, bin] = ['data', 'run', 'bin'].map((name) => join(directory, name)) as [string, string, string];
  for (const path of [data, run, bin]) mkdirSync(path);
  execFileSync('chown', ['mysql:mysql', data, run]);
  const account = { uid: idOf('-u'), gid: idOf('-g') };
  execFileSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, ...INSTALL], { ...account, cwd: data });
  const socket = join(run, 's');
  const server = [
    ...['setsid', 'setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', 'mariadbd'],
    ...['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, '--skip-networking', '--event-scheduler=OFF'],
    ...[`--pid-file=${join(run, 'pid')}`, '--innodb-flush-log-at-trx-commit=0', '--innodb-fast-shutdown=2', ...SMALL],
    ...['--innodb-flush-method=nosync', '--skip-innodb-doublewrite'],
  ];
  const script = SYSTEMCTL.replace('@HOME@', directory).replace('@SERVER@', server.join(' '));
  writeFileSync(join(bin, 'systemctl'), script, { mode: 0o755 });
  const systemctl = (verb: string) => {
    execFileSync(join(bin, 'systemctl'), [verb, 'mariadb.service'], { timeout: 60_000 });
  };
  systemctl('start');
  return {
    directory,
    socket,
    bin,
    data,
    systemctl,
    ...clientOf(socket),
    clean: () => {
      for (const name of readdirSync(directory)) {
        if (name.startsWith('data.')) rmSync(join(directory, name), { recursive: true });
      }
    },
    stop: async () => {
      systemctl('stop');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
