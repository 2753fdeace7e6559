// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 60_000;

/** The account of Debian's package. */
const numberOf = (option: string) => Number(execFileSync('id', [option, 'openldap']).toString());

/** A configuration of slapd with one database, owned by the account that slapd runs as; a real slapd on a socket. */
export class SlapdLab {
  readonly suffix = 'dc=ex,dc=org';
  readonly directory = mkdtempSync(join(tmpdir(), 'slapd-'));
  readonly config = join(this.directory, 'slapd.d');
  readonly data = join(this.directory, 'data');
  readonly uid = numberOf('-u');
  readonly gid = numberOf('-g');
  readonly #socket = `ldapi://${encodeURIComponent(join(this.directory, 's'))}`;
  #child: ChildProcess | undefined;

  /** Begins anew. */
  create(): void {
    for (const name of readdirSync(this.directory)) rmSync(join(this.directory, name), { recursive: true });
    for (const name of [this.config, this.data]) mkdirSync(name, { mode: 0o750 });
    chmodSync(this.directory, 0o755);
    this.own();
    this.add(['-n', '0'], this.#configText());
    this.add(['-b', this.suffix], this.#entries());
  }

  own(): void {
    execFileSync('chown', ['-R', `${this.uid}:${this.gid}`, this.directory]);
  }

  add(select: readonly string[], text: string): void {
    const { uid, gid } = this;
    execFileSync('slapadd', ['-F', this.config, ...select], { input: text, uid, gid, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** What slapcat tells; empty where there is nothing. */
  dump(): string {
    if (!existsSync(join(this.data, 'data.mdb'))) return '';
    const { uid, gid } = this;
    return execFileSync('slapcat', ['-F', this.config, '-b', this.suffix], { uid, gid }).toString();
  }

  async start(): Promise<void> {
    const { uid, gid } = this;
    const args = ['-d', '0', '-F', this.config, '-h', this.#socket];
    this.#child = spawn('slapd', args, { uid, gid, stdio: 'ignore' });
    for (const end = Date.now() + WAIT_MS; !this.#answers(); ) {
      if (Date.now() > end || this.#child.exitCode !== null) throw new Error('slapd did not start');
      await delay(50);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Adds a person, as a program would. */
  ldapadd(name: string): void {
    const login = ['-x', '-D', `cn=admin,${this.suffix}`, '-w', 'secret'];
    const options = {
      input: person(name, this.suffix),
      stdio: ['pipe', 'ignore', 'pipe'] as ['pipe', 'ignore', 'pipe'],
    };
    execFileSync('ldapadd', ['-H', this.#socket, ...login], options);
  }

  #answers(): boolean {
    try {
      execFileSync('ldapsearch', ['-H', this.#socket, '-x', '-s', 'base', '-b', '', '1.1'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  #entries(): string {
    const base = `dn: ${this.suffix}\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: ex\n`;
    return [base, person('ada', this.suffix), person('bob', this.suffix), GROUP].join('\n');
  }

  #configText(): string {
    const module = ['dn: cn=module{0},cn=config', 'objectClass: olcModuleList', 'cn: module{0}'];
    const path = ['olcModulePath: /usr/lib/ldap', 'olcModuleLoad: back_mdb', 'olcModuleLoad: memberof.la'];
    const database = [
      'dn: olcDatabase={1}mdb,cn=config',
      'objectClass: olcDatabaseConfig',
      'objectClass: olcMdbConfig',
    ];
    const place = ['olcDatabase: {1}mdb', `olcSuffix: ${this.suffix}`, `olcDbDirectory: ${this.data}`];
    const admin = [`olcRootDN: cn=admin,${this.suffix}`, 'olcRootPW: secret', 'olcDbIndex: objectClass eq'];
    const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include: file:///etc/ldap/schema/${name}.ldif`);
    const parts = [
      ['dn: cn=config', 'objectClass: olcGlobal', 'cn: config', `olcPidFile: ${join(this.directory, 'pid')}`],
      [...module, ...path],
      ['dn: cn=schema,cn=config', 'objectClass: olcSchemaConfig', 'cn: schema'],
      schemas,
      ['dn: cn=own,cn=schema,cn=config', 'objectClass: olcSchemaConfig', 'cn: own', OWN_TYPE],
      [...database, ...place, ...admin],
    ];
    return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`;
  }

  /** Writes over a file of the data. */
  damage(): void {
    writeFileSync(join(this.data, 'data.mdb'), 'no database');
  }
}

const OWN_TYPE =
  "olcAttributeTypes: ( 1.3.6.1.4.1.4203.666.1.999 NAME 'shoeSize' SUP name )\n" +
  "olcObjectClasses: ( 1.3.6.1.4.1.4203.666.2.999 NAME 'shod' SUP top AUXILIARY MAY shoeSize )";

const GROUP = 'dn: cn=all,dc=ex,dc=org\nobjectClass: groupOfNames\ncn: all\nmember: uid=ada,dc=ex,dc=org\n';

function person(name: string, suffix: string): string {
  const photo = Buffer.from(Array.from({ length: 3000 }, (_, index) => index & 255)).toString('base64');
  const lines = [`dn: uid=${name},${suffix}`, 'objectClass: inetOrgPerson', 'objectClass: shod', `uid: ${name}`];
  return [
    ...lines,
    'shoeSize: 40',
    `cn:: ${Buffer.from('Ä\nB').toString('base64')}`,
    'sn: x',
    `jpegPhoto:: ${photo}`,
    '',
  ].join('\n');
}
