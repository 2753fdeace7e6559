#!/bin/bash
# A plugin in bash: saves the pages of a wiki, which are files below a directory. While they are read, the wiki shows that
# it is being looked after: it does so where there is a file MAINTENANCE.
#
#     wiki:
#       directory: /srv/wiki
set -euo pipefail

# Options of the task, as variables; as JSON they are on standard input.
directory=${BACKUP_OPTION_DIRECTORY:-}

# The words of `cp` and others are log lines; a line that begins with { is an answer, one object a line.
case $1 in
  describe)
    echo '{"describe": {
      "summary": "Pages of a wiki that keeps them as files.",
      "stages": ["validate", "prepare", "post", "verify", "restore-plan", "restore", "revert"],
      "options": {
        "type": "object", "additionalProperties": false, "required": ["directory"],
        "properties": {"directory": {"type": "string", "minLength": 1, "description": "Where the wiki is."}}
      }}}' | tr -d '\n'
    ;;

  validate)
    if [ ! -d "$directory/pages" ]; then
      echo "There is no $directory/pages. Correct \`directory\`." >&2
      exit 1
    fi
    ;;

  prepare)
    # Remember first, act afterwards: after a power cut, `post` has to know whose file MAINTENANCE is.
    if [ ! -e "$directory/MAINTENANCE" ]; then
      echo '{"remember": {"maintenance": "made by us"}}'
      touch "$directory/MAINTENANCE"
    fi
    ;;

  run)
    # The working directory, also in $BACKUP_STAGE, is empty, and becomes part of the archive.
    cp -a "$directory/pages" .
    find pages -type f -print0 | sort -z | xargs -0 -r sha256sum > checksums
    printf '{"fact": {"pages": "%d"}}\n' "$(wc -l < checksums)"
    ;;

  post)
    # Also after a crash, and maybe twice. $BACKUP_STATE holds what was remembered.
    if grep -q 'made by us' "$BACKUP_STATE"; then rm -f "$directory/MAINTENANCE"; fi
    ;;

  verify)
    cd "$BACKUP_SAVED"
    if [ -s checksums ] && sha256sum --quiet --check checksums >&2; then
      echo '{"check": {"name": "pages", "status": "ok", "message": "every page is as it was saved"}}'
    else
      echo '{"check": {"name": "pages", "status": "failed", "message": "pages are damaged or missing"}}'
    fi
    ;;

  restore-plan)
    echo '{"step": {"action": "keep", "what": "the pages that are there now"}}'
    echo '{"step": {"action": "replace", "what": "pages of the wiki"}}'
    ;;

  restore)
    # What is replaced is kept: the directory $BACKUP_KEPT stays until the admin removes it.
    mkdir -p "$directory"
    if [ -e "$directory/pages" ] && [ ! -e "$BACKUP_KEPT/pages" ]; then
      cp -a "$directory/pages" "$BACKUP_KEPT/pages.partial"
      mv "$BACKUP_KEPT/pages.partial" "$BACKUP_KEPT/pages"
    fi
    touch "$BACKUP_KEPT/begun"
    rm -rf "$directory/pages"
    cp -a "$BACKUP_SAVED/pages" "$directory/pages"
    ;;

  revert)
    if [ -e "$BACKUP_KEPT/begun" ]; then
      rm -rf "$directory/pages"
      if [ -e "$BACKUP_KEPT/pages" ]; then cp -a "$BACKUP_KEPT/pages" "$directory/pages"; fi
    fi
    ;;

  *)
    # "I do not have this stage": 64, and not a word.
    exit 64
    ;;
esac
