// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A module with scripts that note what they are called with, and a file that dump-state makes and cleanup-state removes. */
export function moduleIn(directory: string, files: Readonly<Record<string, string>> = {}, name = 'samba1') {
  const module = join(directory, name);
  const all = {
    'state/environment': 'IMAGE_URL=ghcr.io/example/samba\n',
    'bin/module-dump-state': '#!/bin/sh\necho "dump $*" >>calls\necho rows >state/dump.sql\n',
    'bin/module-cleanup-state': '#!/bin/sh\necho "cleanup $*" >>calls\nrm -f state/dump.sql\n',
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(module, path)), { recursive: true });
    writeFileSync(join(module, path), text);
    if (/^(?:bin|actions)\//.test(path)) chmodSync(join(module, path), 0o755);
  }
  return { module, options: { module_dir: module } };
}

/** Stands for podman: a volume is a directory of its name; `unshare` is a real user namespace. */
export const PODMAN = `echo "$(id -u) $*" >>podman.calls
for last; do :; done
case "$1 $2" in
  "volume exists") [ -d "volumes/$last" ];;
  "volume inspect") [ -d "volumes/$last" ] && echo "$PWD/volumes/$last";;
  "volume create") mkdir "volumes/$last";;
  "volume rm") rm -r "volumes/$last";;
  ps*) cat running 2>/dev/null; exit 0;;
  unshare*) shift; exec unshare --user --map-root-user "$@";;
  *) exit 64;;
esac
`;
