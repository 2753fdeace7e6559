// SPDX-License-Identifier: AGPL-3.0-or-later

/** One of the passwords that a repository can be opened with. What the password is cannot be told from it. */
export interface RepositoryKey {
  /** As the store shows it: the first 8 characters, or all 64. */
  readonly id: string;
  /** The password in use opens this one. */
  readonly current: boolean;
  readonly user: string;
  readonly host: string;
  /** When it was made, as the store tells it: by the clock and time zone of this machine. */
  readonly created: string;
}

/**
 * The passwords of one repository. Every verb may be interrupted at any time and called again. All throw BackupError as
 * the verbs of `Store` do.
 */
export interface RepositoryKeys {
  /** The one in use comes first. */
  list(signal: AbortSignal): Promise<readonly RepositoryKey[]>;
  /**
   * Makes the password in a file one that opens the repository, and proves it by opening the repository with it. The
   * others stay as they are.
   * @returns its key; `created: false` where it opened the repository before
   * @throws BackupError `config` where the file is missing, empty or can be read by others
   */
  add(passwordFile: string, signal: AbortSignal): Promise<{ readonly created: boolean; readonly key: RepositoryKey }>;
  /**
   * Removes a key; whoever knows only its password cannot open the repository any more.
   * @param id at least its first 8 characters
   * @throws BackupError `usage` where there is no such key, or it is the one in use
   */
  remove(id: string, signal: AbortSignal): Promise<RepositoryKey>;
}
