// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface StandIns {
  /** Names that the program is called by. */
  readonly names: readonly string[];
  /** A module beside this one: see stand-in-server.cjs. */
  readonly module: string;
  /** Its directory; the programs are put into `bin` below it. */
  readonly home: string;
}

let socket: string | undefined;

/** Executables that ask one process, which is started once for each test file. They take a few milliseconds. */
export function installStandIns({ names, module, home }: StandIns): string {
  socket ??= startServer();
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const name of names) {
    const fixed = [fileURLToPath(new URL(module, import.meta.url)), home, name].map(quoted).join(', ');
    writeFileSync(
      join(bin, name),
      CLIENT.replace('FIXED', () => fixed).replace('SOCKET', () => quoted(socket ?? '')),
    );
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

function startServer(): string {
  const path = join(mkdtempSync(join(tmpdir(), 'stand-in-')), 'socket');
  const server = fileURLToPath(new URL('stand-in-server.cjs', import.meta.url));
  // It ends when its standard input does, however this process ends.
  spawn(process.execPath, [server, path], { stdio: ['pipe', 'ignore', 'inherit'] }).unref();
  return path;
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

/** Perl is on every Debian (perl-base), and starts twenty times as fast as Node. It waits until the server is there. */
const CLIENT = `#!/usr/bin/perl
use Socket;
my $server = pack_sockaddr_un(SOCKET);
for (my $tries = 0; ; $tries += 1) {
  socket(my $try, PF_UNIX, SOCK_STREAM, 0) or die;
  if (connect($try, $server)) { $socket = $try; last }
  die "no server: $!" if $tries > 3000;
  select(undef, undef, undef, 0.02);
}
syswrite $socket, join("\\0", FIXED, readlink('/proc/self/cwd'), @ARGV);
shutdown($socket, 1);
local $/;
my ($code, $length, $said) = split /\\n/, <$socket>, 3;
die 'no answer' unless defined $length;
print STDOUT substr($said, 0, $length);
print STDERR substr($said, $length);
close STDOUT;
exit $code;
`;
