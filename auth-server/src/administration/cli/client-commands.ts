import { CLIENT_FIELD_LIST, type ClientField } from '../../store/client-fields.ts'
import { deleteClient, disableClient, enableClient } from '../end-clients.ts'
import { clientSummary, findClient } from '../locked-client.ts'
import {
  changeClient,
  createClient,
  KEY_FIELDS,
  LOGOUT_FIELDS,
  rotateSecret,
  setClientLogout,
  setClientProof
} from '../client-administration.ts'
import { newRegistration, parseClientChanges } from '../new-client.ts'
import { fieldsFrom, optionsFor } from './client-options.ts'
import { argument, UsageError, type Command, type CommandValues } from './command.ts'

const ONE_DAY_SECONDS = 86_400

function overlapSecondsFrom(values: CommandValues): number {
  const seconds = Number(values['overlap-seconds'] ?? ONE_DAY_SECONDS)
  if (!Number.isInteger(seconds) || seconds < 0) throw new UsageError('--overlap-seconds is not a whole number')
  return seconds
}

/** A command that changes these fields of a client. */
function changeCommand(
  name: string,
  names: readonly string[],
  help: string,
  change: typeof setClientLogout | typeof setClientProof | typeof changeClient
): Command {
  const fields: readonly ClientField[] = CLIENT_FIELD_LIST.filter(field => names.includes(field.name))
  return {
    name,
    arguments: ['client-id'],
    options: optionsFor(fields),
    help,
    run: async (administration, args, values) =>
      clientSummary(await change(administration, argument(args, 0), parseClientChanges(fieldsFrom(values, fields))))
  }
}

/** `clients …`, `secrets …`. */
export const CLIENT_COMMANDS: readonly Command[] = [
  {
    name: 'clients list',
    arguments: [],
    options: {},
    help: 'Lists the clients.',
    run: async ({ store }) => (await store.clients.list()).map(clientSummary)
  },
  {
    name: 'clients create',
    arguments: ['client-id'],
    options: optionsFor(CLIENT_FIELD_LIST),
    help: 'Creates a client and prints its secret, this once; --help lists the options.',
    run: async (administration, args, values) => {
      const fields = { grantTypes: [], ...fieldsFrom(values, CLIENT_FIELD_LIST), id: argument(args, 0) }
      const { client, secret } = await createClient(administration, newRegistration(fields))
      return { ...clientSummary(client), secret }
    }
  },
  {
    name: 'clients show',
    arguments: ['client-id'],
    options: {},
    help: 'Shows a client.',
    run: async ({ store }, args) => clientSummary(await findClient(store, argument(args, 0)))
  },
  changeCommand(
    'clients edit',
    CLIENT_FIELD_LIST.map(({ name }) => name),
    'Edits a client; what is not given stays.',
    changeClient
  ),
  changeCommand(
    'clients set-keys',
    KEY_FIELDS,
    'Replaces keys and certificates of a client; for a change with no failed request, register new beside old first.',
    setClientProof
  ),
  changeCommand(
    'clients set-logout',
    LOGOUT_FIELDS,
    'Changes where a client hears of ended sessions and where browsers may go after logout.',
    setClientLogout
  ),
  ...(
    [
      ['disable', disableClient, 'Disables a client, ends its sessions and revokes its tokens.'],
      ['enable', enableClient, 'Enables a client again; its sessions stay ended.']
    ] as const
  ).map(([verb, change, help]): Command => ({
    name: `clients ${verb}`,
    arguments: ['client-id'],
    options: {},
    help,
    run: async (administration, args) => {
      await change(administration, argument(args, 0))
      return { id: argument(args, 0), disabled: verb === 'disable' }
    }
  })),
  {
    name: 'clients delete',
    arguments: ['client-id'],
    options: {},
    help: 'Deletes a client with its secrets and sessions, and revokes its tokens.',
    run: async (administration, args) => {
      await deleteClient(administration, argument(args, 0))
      return { deleted: argument(args, 0) }
    }
  },
  {
    name: 'secrets rotate',
    arguments: ['client-id'],
    options: { 'overlap-seconds': { type: 'string', help: 'how long the old secrets stay good; a day by default' } },
    help: 'Gives a client a new secret, printed this once; the old ones stay good for --overlap-seconds.',
    run: async (administration, args, values) => {
      const { secret } = await rotateSecret(administration, argument(args, 0), overlapSecondsFrom(values))
      return { secret }
    }
  }
]
