import { CLIENT_FIELD_LIST, type ClientField } from '../../store/client-fields.ts'
import {
  clientSummary,
  createClient,
  disableClient,
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
  change: typeof setClientLogout | typeof setClientProof
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
  {
    name: 'clients disable',
    arguments: ['client-id'],
    options: {},
    help: 'Disables a client, ends its sessions and revokes its tokens.',
    run: async (administration, args) => {
      await disableClient(administration, argument(args, 0))
      return { id: argument(args, 0), disabled: true }
    }
  },
  {
    name: 'secrets rotate',
    arguments: ['client-id'],
    options: { 'overlap-seconds': { type: 'string', help: 'how long the old secrets stay good; a day by default' } },
    help: 'Gives a client a new secret, printed this once; the old ones stay good for --overlap-seconds.',
    run: async (administration, args, values) => {
      return { secret: await rotateSecret(administration, argument(args, 0), overlapSecondsFrom(values)) }
    }
  }
]
