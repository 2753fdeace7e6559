// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostView } from '../host-view.ts';

export interface KnownDatabase {
  readonly program: string;
  readonly path: string;
}

/** Where well-known programs keep their SQLite databases, by their own documentation or their Debian packages. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  vaultwarden: ['/var/lib/vaultwarden/db.sqlite3', '/opt/vaultwarden/data/db.sqlite3'],
  grafana: ['/var/lib/grafana/grafana.db'],
  gitea: ['/var/lib/gitea/data/gitea.db', '/var/lib/gitea/gitea.db'],
  forgejo: ['/var/lib/forgejo/data/forgejo.db'],
  'home-assistant': [
    '/home/homeassistant/.homeassistant/home-assistant_v2.db',
    '/var/lib/homeassistant/home-assistant_v2.db',
  ],
  pihole: ['/etc/pihole/gravity.db', '/etc/pihole/pihole-FTL.db'],
  jellyfin: ['/var/lib/jellyfin/data/jellyfin.db', '/var/lib/jellyfin/data/library.db'],
  plex: [
    '/var/lib/plexmediaserver/Library/Application Support/Plex Media Server/Plug-in Support/Databases/com.plexapp.plugins.library.db',
  ],
  'uptime-kuma': ['/opt/uptime-kuma/data/kuma.db'],
  headscale: ['/var/lib/headscale/db.sqlite'],
  prosody: ['/var/lib/prosody/prosody.sqlite'],
  crowdsec: ['/var/lib/crowdsec/data/crowdsec.db'],
  radarr: ['/var/lib/radarr/radarr.db'],
  sonarr: ['/var/lib/sonarr/sonarr.db'],
  powerdns: ['/var/lib/powerdns/pdns.sqlite3'],
};

/** The first bytes of every SQLite database (file format, 1.3), without the NUL. */
const MAGIC = 'SQLite format 3';

/** The databases of {@link KNOWN} that are there. The disk is not searched. */
export async function lookForSqlite(view: HostView): Promise<readonly KnownDatabase[]> {
  const found: KnownDatabase[] = [];
  for (const [program, paths] of Object.entries(KNOWN)) {
    for (const path of paths) {
      if ((await view.read(path, MAGIC.length)) === MAGIC) found.push({ program, path });
    }
  }
  return found;
}
