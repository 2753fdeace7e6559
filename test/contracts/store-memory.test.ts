// SPDX-License-Identifier: AGPL-3.0-or-later
import { createMemoryStore, createVault, restoreFrom, type Vault } from '../helpers/memory-store.ts';
import { describeStore } from './store.ts';

describeStore('memory store', async () => {
  const vaults = new Map<string, Vault>();
  const vaultOf = (host: string): Vault => {
    const vault = vaults.get(host) ?? createVault();
    vaults.set(host, vault);
    return vault;
  };
  return {
    store: (host) => createMemoryStore({ host, vault: vaultOf(host), now: () => new Date() }),
    restore: async (host, snapshot, target) => restoreFrom(vaultOf(host), snapshot, target),
    breakPassword: (host) => {
      vaultOf(host).fault = 'wrong password';
      return () => {
        vaultOf(host).fault = undefined;
      };
    },
    lock: async (host) => {
      vaultOf(host).fault = 'locked';
      return async () => {
        vaultOf(host).fault = undefined;
      };
    },
    swap: async (host) => {
      const { id } = vaultOf(host);
      vaultOf(host).id = 'another';
      return async () => {
        vaultOf(host).id = id;
      };
    },
    close: async () => vaults.clear(),
  };
});
