// SPDX-License-Identifier: AGPL-3.0-or-later

/** Where the password and the environment of a repository come from; never their values. */
export interface SecretSources {
  /** At most one of the three is there; where a host names none, that of the `restic` section counts. */
  readonly passwordFile?: string | undefined;
  readonly passwordCommand?: string | undefined;
  /** Name of a systemd credential. */
  readonly passwordCredential?: string | undefined;
  /** At most one of the two is there. */
  readonly environmentFile?: string | undefined;
  readonly environmentCredential?: string | undefined;
}

interface Keys {
  readonly password_file?: string | undefined;
  readonly password_command?: string | undefined;
  readonly password_credential?: string | undefined;
  readonly environment_file?: string | undefined;
  readonly environment_credential?: string | undefined;
}

/** Of the `restic` section or of a copy. */
export function secretSourcesOf(section: Keys): SecretSources {
  return {
    passwordFile: section.password_file,
    passwordCommand: section.password_command,
    passwordCredential: section.password_credential,
    environmentFile: section.environment_file,
    environmentCredential: section.environment_credential,
  };
}

/** What counts for a host: its own password and its own environment, each in the place of the common one. */
export function ownOrCommon(own: SecretSources, common: SecretSources): SecretSources {
  const { passwordFile, passwordCommand, passwordCredential, environmentFile, environmentCredential } = own;
  const hasPassword = (passwordFile ?? passwordCommand ?? passwordCredential) !== undefined;
  const hasEnvironment = (environmentFile ?? environmentCredential) !== undefined;
  return {
    ...(hasPassword
      ? { passwordFile, passwordCommand, passwordCredential }
      : {
          passwordFile: common.passwordFile,
          passwordCommand: common.passwordCommand,
          passwordCredential: common.passwordCredential,
        }),
    ...(hasEnvironment
      ? { environmentFile, environmentCredential }
      : { environmentFile: common.environmentFile, environmentCredential: common.environmentCredential }),
  };
}
