import { advanceKeys, listKeys, publishKey, removeKey, resealKeys, rotateInEmergency, startSigning } from '../keys.ts'
import { endAfterRestore } from '../after-restore.ts'
import { argument, type Command } from './command.ts'

/** `keys …`. */
export const KEY_COMMANDS: readonly Command[] = [
  {
    name: 'keys list',
    arguments: [],
    options: {},
    help: 'Lists the signing keys and their states.',
    run: async administration => await listKeys(administration)
  },
  {
    name: 'keys publish',
    arguments: [],
    options: {},
    help: 'Publishes the next signing key; `keys advance` completes the rotation later.',
    run: async administration => await publishKey(administration)
  },
  {
    name: 'keys advance',
    arguments: [],
    options: {},
    help: 'Takes every step that is safe now; run it regularly.',
    run: async administration => ({ steps: await advanceKeys(administration) })
  },
  {
    name: 'keys sign',
    arguments: ['kid'],
    options: {},
    help: 'Lets a published key sign; refused with the reason while that is unsafe.',
    run: async (administration, args) => {
      await startSigning(administration, argument(args, 0))
      return await listKeys(administration)
    }
  },
  {
    name: 'keys remove',
    arguments: ['kid'],
    options: {},
    help: 'Removes a retired key; refused with the reason while that is unsafe.',
    run: async (administration, args) => {
      await removeKey(administration, argument(args, 0))
      return await listKeys(administration)
    }
  },
  {
    name: 'keys emergency',
    arguments: [],
    options: {},
    help: 'For a stolen key: a new one signs at once, all others go. Prints what that breaks.',
    run: async administration => await rotateInEmergency(administration)
  },
  {
    name: 'database after-restore',
    arguments: [],
    options: {},
    help: 'After a restore from a backup: ends every session and removes every signing key but a new one.',
    run: async administration => await endAfterRestore(administration)
  },
  {
    name: 'keys reseal',
    arguments: [],
    options: {},
    help: 'Seals the private keys under the newest sealing key.',
    run: async administration => ({ resealed: await resealKeys(administration) })
  }
]
