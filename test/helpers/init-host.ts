// SPDX-License-Identifier: AGPL-3.0-or-later
import type { InitLab } from './init-lab.ts';

const label = (name: string) => `com.docker.compose.${name}`;

function container(service: string, image: string, more: { env?: string[]; volume?: string } = {}) {
  return {
    Name: `/shop-${service}-1`,
    State: { Running: true },
    Config: {
      Image: image,
      Labels: {
        [label('project')]: 'shop',
        [label('project.working_dir')]: '/opt/shop',
        [label('project.config_files')]: '/opt/shop/compose.yml',
        [label('service')]: service,
      },
      Env: ['PASSWORD=hunter2', ...(more.env ?? [])],
    },
    Mounts: more.volume === undefined ? [] : [{ Type: 'volume', Name: more.volume }],
  };
}

/** Makes the host one that has everything that is looked for. */
export async function fillHost(lab: InitLab): Promise<void> {
  for (const file of [
    '/etc/hosts',
    '/home/me/x',
    '/root/x',
    '/opt/shop/compose.yml',
    '/srv/a/x',
    '/var/www/html/x.php',
  ]) {
    lab.file(file);
  }
  for (const file of ['/var/mail/me', '/var/vmail/me/x', '/usr/local/bin/x', '/etc/pve/storage.cfg']) lab.file(file);
  for (const file of ['/etc/univention/base.conf', '/etc/ldap/slapd.d/cn=config/x', '/etc/influxdb/influxdb.conf']) {
    lab.file(file);
  }
  lab.file('/etc/mongod.conf', 'net:\n  port: 27018\n');
  lab.file('/usr/bin/redis-server');
  lab.file('/etc/redis/redis.conf', 'requirepass hunter2\n');
  lab.file('/usr/bin/valkey-server');
  lab.file('/etc/valkey/valkey.conf', 'port 6380\n');
  lab.file('/usr/sbin/mariadbd');
  lab.file('/root/scripts/backup-modules/mariadb.sh');
  lab.file('/etc/backup-scripts/10dump');
  lab.file('/var/lib/grafana/grafana.db', 'SQLite format 3\0...');
  lab.file('/var/lib/gitea/data/gitea.db', 'something else');
  lab.file('/etc/systemd/system/shop.service', '[Service]\nStateDirectory=shop\n');
  lab.file('/etc/systemd/system/silent.service', '[Service]\nExecStart=/bin/true\n');
  lab.file('/var/lib/shop/x');
  lab.listening(27018, 6379, 6380, 8088);
  lab.program('pg_lsclusters', "printf '15 main 5432 online postgres /x /y\\n14 old 5433 down postgres /x /y\\n'");
  lab.program('du', 'printf "100\\t$3\\n"');
  await lab.socket('/run/mysqld/mysqld.sock');
  lab.docker(
    [{ Name: 'shop', Status: 'running(3)', ConfigFiles: '/opt/shop/compose.yml' }],
    [
      container('app', 'shop/app:2', { volume: 'shop_files' }),
      container('db', 'docker.io/library/postgres:16', { env: ['POSTGRES_USER=shop'], volume: 'shop_db' }),
      container('cache', 'redis:7'),
    ],
  );
}
