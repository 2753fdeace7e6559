// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin, type Plugin } from '../../plugin.ts';
import { type Flavour, options, type RedisOptions } from './options.ts';
import { apply, plan, proof, revert } from './restore.ts';
import { save, validate } from './save.ts';
import { verify } from './verify.ts';

/** The plugin for a server that speaks the protocol of Redis. */
export function redisPlugin(flavour: Flavour): Plugin {
  return definePlugin<RedisOptions>({
    name: flavour.name,
    summary: `Saves the data of a ${flavour.title} server, all of them or the keys of some patterns.`,
    options,
    takesContainer: true,
    describe: ({ keys, socket, container, host, port }) => {
      const where = container ?? socket ?? `${host}:${port}`;
      return `${keys === undefined ? 'all data' : `keys ${keys.join(', ')}`} of ${flavour.title} at ${where}`;
    },
    validate: (context) => validate({ ...context, flavour }),
    run: (context) => save({ ...context, flavour }),
    verify: (context) => verify({ ...context, flavour }),
    restore: {
      plan: (context) => plan({ ...context, flavour }),
      apply: (context) => apply({ ...context, flavour }),
      revert: (context) => revert({ ...context, flavour }),
      verify: (context) => proof({ ...context, flavour }),
    },
  });
}
