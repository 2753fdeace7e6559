#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Installs Debian packages without starting or enabling what they bring: sh scripts/install-packages.sh PACKAGE...
set -eu

export DEBIAN_FRONTEND=noninteractive
export NEEDRESTART_SUSPEND=1 # Ubuntu's needrestart would restart the services of the machine.

# Debian asks this program before a package starts a service; 101 means no. One that is there already is the admin's word.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

apt-get update -q </dev/null || echo 'apt-get update failed; trying with the package lists that are there.' >&2
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" </dev/null

# A started sshd would be refused above, but it would come up with the next boot.
for package in "$@"; do
  if [ "$package" = openssh-server ] && command -v systemctl >/dev/null; then
    systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || true
  fi
done
