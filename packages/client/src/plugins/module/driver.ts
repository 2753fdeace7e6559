// SPDX-License-Identifier: AGPL-3.0-or-later

/** Exit code of the driver where the file defines no function of its name. */
export const NO_FUNCTION = 96;

/**
 * What a module of the original expects around it (A02-A06): it is read into a shell that has these variables and helpers,
 * then its function is called with the directory of its component. Reports go to a file, the parts separated by zero bytes,
 * because a message may hold anything else. Arguments: file of the module, its name, directory of its component, `backup`
 * or `restore`.
 *
 * `pre_backup_<name>` is called before, `post_backup_<name>` always once that has begun (A18): by the trap where the function
 * ends the shell, or where the time is over. A shell that has a trap of its own cannot be asked for more.
 */
export const DRIVER = `
update_component_status() { printf '%s\\0' "$1" "$2" "$3" "\${4:-}" >>"$LOCAL_BACKUP_REPORTS"; }
update_container_status() { update_component_status "$@"; }
local_backup_module=$1 local_backup_directory=$3
local_backup_function=$4_$2
local_backup_post() {
  local_backup_code=$?
  trap - EXIT
  "post_$local_backup_function" "$local_backup_directory" || local_backup_code=1
  exit "$local_backup_code"
}
set --
. "$local_backup_module"
if ! declare -F "$local_backup_function" >/dev/null; then
  # A file that bash cannot read to its end may define it behind that.
  bash -n "$local_backup_module" || exit 1
  exit ${NO_FUNCTION}
fi
cd "$local_backup_directory" || exit 1
if declare -F "post_$local_backup_function" >/dev/null; then trap local_backup_post EXIT; fi
if declare -F "pre_$local_backup_function" >/dev/null; then
  "pre_$local_backup_function" "$local_backup_directory" || exit
fi
"$local_backup_function" "$local_backup_directory"
`;
