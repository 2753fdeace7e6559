// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Lines of sh that make a root directory of one's own on `$root`, in a mount namespace of one's own: programs and
 * libraries of this machine, read-only, and nothing else. More can be mounted before it is made read-only.
 */
export const MOUNT_SYSTEM = `mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev,noexec sandbox "$root"
for directory in usr bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$directory" ]; then
    ln -s "$(readlink "/$directory")" "$root/$directory"
  elif [ -d "/$directory" ]; then
    mkdir "$root/$directory"
    mount --bind "/$directory" "$root/$directory"
    mount -o remount,bind,ro,nosuid,nodev "$root/$directory"
  fi
done
`;
