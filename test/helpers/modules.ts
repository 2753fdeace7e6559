// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Modules by name; a script without a shebang gets that of bash. */
export function modulesIn(directory: string, scripts: Readonly<Record<string, string>>) {
  const modules = join(directory, 'modules');
  mkdirSync(modules, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(modules, `${name}.sh`), `#!/bin/bash\n${script}\n`);
    chmodSync(join(modules, `${name}.sh`), 0o755);
  }
  return {
    directory: modules,
    enabled_file: join(directory, 'enabled'),
    config_roots: [join(directory, 'etc/containers'), join(directory, 'etc')],
  };
}

/** As the documents of the original have it. */
export const DUMP = `
backup_dump() {
  local dir="$1"
  echo "rows of $HOST_NAME at $DATE" > "$dir/data/dump.sql"
  local size=$(stat -c %s "$dir/data/dump.sql") md5=$(md5sum "$dir/data/dump.sql" | cut -d' ' -f1)
  update_component_status "dump" "success" "database" \\
    "{\\"size\\": $size, \\"files\\": [{\\"path\\": \\"data/dump.sql\\", \\"size\\": $size, \\"md5\\": \\"$md5\\"}], \\"checks\\": {\\"compression\\": false}}"
}`;
