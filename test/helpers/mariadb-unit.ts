// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeAll } from 'vitest';
import { fastDirectory } from './fast-directory.ts';
import { clientOf, INSTALL, idOf, SMALL, type TestMariadb } from './mariadb.ts';
import type { MariadbLab } from './mariadb-lab.ts';

/** A real server that is stopped and started by a program in place of systemctl, which knows this unit alone. */
export interface UnitMariadb extends TestMariadb {
  /** To be first in PATH. */
  readonly bin: string;
  readonly data: string;
  /** Options of a physical task that keep it from the data directory and the unit of this machine's own server. */
  readonly own: { readonly datadir: string; readonly unit: string };
  /** There while the socket of the unit listens. */
  readonly listens: string;
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
# One that has ended may wait a second for the first process of a machine to look after it.
runs() { [ -n "$pid" ] && [ -e "/proc/$pid/exe" ]; }
[ "$1" = show ] || echo "$*" >> "$HOME_DIR/calls"
if [ "$unit" = @UNIT@.socket ]; then
  case "$1" in
    show) [ -e "$HOME_DIR/listens" ] && echo ActiveState=active ;;
    stop) rm -f "$HOME_DIR/listens" ;;
    start) runs && { echo "Socket service $unit already active, refusing." >&2; exit 1; }; touch "$HOME_DIR/listens" ;;
  esac
  exit 0
fi
[ "$unit" = @UNIT@.service ] || { [ "$1" = show ] && echo LoadState=not-found; exit 0; }
case "$1" in
  show)
    echo LoadState=loaded; if runs; then echo ActiveState=active; else echo ActiveState=inactive; fi
    echo RequiredBy=; echo TriggeredBy=@UNIT@.socket ;;
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

/** It sleeps for a second before it looks whether it has the end of the log. */
const BACKUP = `#!/bin/bash
case " $* " in *" --backup "*) set -- "$@" --log-copy-interval=20 ;; esac
exec '@REAL@' "$@"
`;

/** Makes a server and its unit, and starts it. */
export async function startUnitMariadb(): Promise<UnitMariadb> {
  const directory = fastDirectory('mdu-');
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
  const name = basename(directory);
  const script = SYSTEMCTL.replace('@HOME@', directory)
    .replace('@SERVER@', server.join(' '))
    .replaceAll('@UNIT@', name);
  writeFileSync(join(bin, 'systemctl'), script, { mode: 0o755 });
  writeFileSync(join(bin, 'mariadb-backup'), BACKUP.replace('@REAL@', realPath('mariadb-backup')), { mode: 0o755 });
  const systemctl = (verb: string) => {
    execFileSync(join(bin, 'systemctl'), [verb, `${name}.service`], { timeout: 60_000 });
  };
  systemctl('start');
  return {
    directory,
    socket,
    bin,
    data,
    own: { datadir: data, unit: `${name}.service` },
    listens: join(directory, 'listens'),
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

/**
 * Puts the stand-in for systemctl in front of the PATH, for good: what a failed test has left running must not find the
 * program of this machine. After each test the server runs, and nothing is left beside its data directory.
 */
export function usePrograms(lab: MariadbLab<UnitMariadb>) {
  const path = process.env.PATH;
  const setPath = () => {
    process.env.PATH = `${lab.server.bin}:${path}`;
  };
  beforeAll(setPath);
  afterEach(() => {
    setPath();
    rmSync(lab.server.listens, { force: true });
    lab.server.systemctl('start');
    lab.server.clean();
  });
  return {
    /** An executable in front of the PATH, until the test ends; `$REAL` is the real program's path. */
    standIn: (name: string, script: string) => {
      mkdirSync(lab.path('bin'), { recursive: true });
      writeFileSync(lab.path(`bin/${name}`), `#!/bin/bash\nREAL='${realPath(name)}'\n${script}\n`, { mode: 0o755 });
      process.env.PATH = `${lab.path('bin')}:${lab.server.bin}:${path}`;
    },
  };
}

function realPath(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}
