// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * The helpers that plugins of the original shell version call, under the names of its documentation and under those of its
 * code (C40). Sourced before every plugin, and found by plugins that source `common_functions.sh` themselves. Errors and
 * warnings go to standard error, the rest to standard output, as ever; the adapter turns both into log lines by their
 * first word. Values of a YAML file are read by `$YQ_CMD`, which is this program.
 */
export const COMMON_FUNCTIONS = `# Helpers for backup plugins.

log_error() { printf 'ERROR: %s\\n' "$*" >&2; }
log_warn() { if [ "\${LOG_LEVEL:-2}" -ge 1 ]; then printf 'WARN: %s\\n' "$*" >&2; fi; }
log_info() { if [ "\${LOG_LEVEL:-2}" -ge 2 ]; then printf 'INFO: %s\\n' "$*"; fi; }
log_debug() { if [ "\${LOG_LEVEL:-2}" -ge 3 ]; then printf 'DEBUG: %s\\n' "$*"; fi; }
log_detail() { log_debug "$@"; }

# get_yaml_value FILE .KEY.SUBKEY [DEFAULT]: prints the value, or the default where there is none.
get_yaml_value() {
  local yaml_value
  if [ ! -r "$1" ]; then
    log_error "The YAML file '$1' cannot be read."
    printf '%s\\n' "\${3:-}"
    return 1
  fi
  if ! yaml_value=$("$YQ_CMD" e "$2" "$1"); then
    printf '%s\\n' "\${3:-}"
    return 1
  fi
  if [ "$yaml_value" = null ]; then yaml_value=\${3:-}; fi
  printf '%s\\n' "$yaml_value"
}

# check_command_exists NAME [MESSAGE] [PACKAGE]; of a command with arguments the first word counts.
check_command_exists() {
  command -v -- "$1" >/dev/null 2>&1 && return 0
  command -v -- "\${1%% *}" >/dev/null 2>&1 && return 0
  log_error "\${2:-Command '$1' not found.}"
  if [ -n "\${3:-}" ]; then log_error "Install the package $3."; fi
  return 1
}
check_command() { check_command_exists "$@"; }

# check_perms PATH MODE [OWNER]: 400 will do where 600 is asked for.
check_perms() {
  local mode owner
  if ! mode=$(stat -c %a -- "$1" 2>/dev/null); then
    log_error "'$1' does not exist."
    return 1
  fi
  owner=$(stat -c %U -- "$1")
  if [ "$owner" != "\${3:-root}" ]; then
    log_error "'$1' belongs to $owner, not to \${3:-root}."
    return 1
  fi
  if [ "$mode" = "$2" ]; then return 0; fi
  if [ "$2" = 600 ] && [ "$mode" = 400 ]; then return 0; fi
  log_error "'$1' has mode $mode; $2 is needed."
  return 1
}
check_permissions() { check_perms "$@"; }

# check_disk PATH MEGABYTES
check_disk() {
  local free
  free=$(df --output=avail -k -- "$1" 2>/dev/null | tail -n 1)
  case $free in
    *[0-9]*) ;;
    *) log_error "The free space of '$1' cannot be found out."; return 1 ;;
  esac
  if [ $((free / 1024)) -ge "$2" ]; then return 0; fi
  log_error "Not enough free space in '$1': $((free / 1024)) MB free, $2 MB needed."
  return 1
}
check_disk_space() { check_disk "$@"; }

# is_valid_path PATH [-e|-f|-d|-r|-w|-x]
is_valid_path() {
  case \${2:--e} in
    -f) [ -f "$1" ] && return 0 ;;
    -d) [ -d "$1" ] && return 0 ;;
    -r) [ -r "$1" ] && return 0 ;;
    -w) [ -w "$1" ] && return 0 ;;
    -x) [ -x "$1" ] && return 0 ;;
    *) [ -n "$1" ] && [ -e "$1" ] && return 0 ;;
  esac
  log_error "The path '$1' is not as it has to be (\${2:--e})."
  return 1
}

# run_cmd COMMAND [ARGUMENT...]: runs it, tells what and how it ended; in a dry run only tells.
run_cmd() {
  local run_code=0
  if [ "\${DRY_RUN:-false}" = true ]; then
    log_info "DRY-RUN: would run: $*"
    return 0
  fi
  log_debug "Running: $*" >&2
  "$@" || run_code=$?
  if [ "$run_code" -ne 0 ]; then log_error "Exit code $run_code from: $*"; fi
  return "$run_code"
}

# Directories and files that only root can read. The two below print the path; a template ends in XXXXXX.
create_dir_secure() {
  if mkdir -p -- "$1" && chmod 700 -- "$1"; then return 0; fi
  log_error "The directory '$1' cannot be created."
  exit 1
}
create_secure_temp_file() {
  if [ -n "\${2:-}" ]; then mkdir -p -- "$2" || exit 1; fi
  (umask 077; mktemp -- "\${2:-\${TMPDIR:-/tmp}}/\${1:-tmpfile.XXXXXX}") || exit 1
}
create_secure_temp_dir() {
  if [ -n "\${2:-}" ]; then mkdir -p -- "$2" || exit 1; fi
  mktemp -d -- "\${2:-\${TMPDIR:-/tmp}}/\${1:-tmpdir.XXXXXX}" || exit 1
}

syntax_check_shell_script() { bash -n -- "$1" && return 0; log_error "'$1' is no correct shell script."; return 1; }
syntax_check_yaml_file() { "$YQ_CMD" e . "$1" >/dev/null && return 0; log_error "'$1' is no correct YAML."; return 1; }

# send_email RECIPIENT SUBJECT TEXT
send_email() {
  if [ -z "\${1:-}" ] || [ -z "\${MSMTP_CMD:-}" ]; then
    log_error "No mail is sent: there is no recipient, or no mail program."
    return 1
  fi
  printf 'To: %s\\nSubject: %s\\nContent-Type: text/plain; charset=utf-8\\n\\n%s\\n' "$1" "$2" "$3" | $MSMTP_CMD "$1"
}
`;
