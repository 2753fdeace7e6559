// SPDX-License-Identifier: AGPL-3.0-or-later

/** The six functions of a plugin of the original shell version. */
export const FUNCTIONS = [
  'plugin_handles_task_type',
  'plugin_validate_config',
  'plugin_prepare_backup',
  'plugin_run_backup',
  'plugin_post_backup_success',
  'plugin_emergency_cleanup',
] as const;

export type FunctionName = (typeof FUNCTIONS)[number];

/**
 * For `bash -c DRIVER PLUGIN ...`: `$0` is the plugin, because plugins look for common_functions.sh beside it. What they say
 * while they are being read is of no interest.
 */
const SOURCE = `backup_yq() { sh "$BACKUP_YQ" "$@"; }
export -f backup_yq
. "$BACKUP_COMMON_FUNCTIONS" || exit 1
. "$0" >/dev/null || { echo "ERROR: $0 cannot be read by bash." >&2; exit 1; }
`;

/**
 * Asks a plugin what it is. Arguments: the task keys that it may claim, beside the words in its own
 * plugin_handles_task_type. Prints lines `function NAME`, `api NUMBER`, `echo TYPE`, `claims TYPE`.
 */
export const PROBE = `exec 3>&1 1>&2
${SOURCE}set +eu
for name in ${FUNCTIONS.join(' ')}; do
  declare -F "$name" >/dev/null && echo "function $name" >&3
done
if [ -n "\${PLUGIN_API:-}" ]; then echo "api $PLUGIN_API" >&3; fi
said=$(plugin_handles_task_type '' 2>/dev/null </dev/null)
if [ -n "$said" ]; then
  while IFS= read -r line; do echo "echo $line" >&3; done <<< "$said"
  exit 0
fi
words=$(declare -f plugin_handles_task_type | grep -oE '[A-Za-z0-9_][A-Za-z0-9_.-]*' | sort -u)
for candidate in "$@" $words; do
  said=$(plugin_handles_task_type "$candidate" 2>/dev/null </dev/null) || continue
  if [ -z "$said" ] || [ "$said" = "$candidate" ]; then echo "claims $candidate" >&3; fi
done
exit 0
`;

/**
 * Calls a function of a plugin: name, then its arguments. In \`validate\` and \`run\` a \`set -e\` of the plugin counts: a dump
 * whose failure nobody has looked at must not pass for a whole one. In the others it does not, as it never did: what stops
 * and starts a service has to come to its end.
 */
export const CALL = `${SOURCE}name=$1
shift
case $name in
  plugin_validate_config | plugin_run_backup)
    "$name" "$@"
    exit $?
    ;;
esac
if "$name" "$@"; then exit 0; else exit $?; fi
`;
