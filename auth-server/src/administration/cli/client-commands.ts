import type { Client } from '../../store/records.ts'
import { setClientLogout, type NewClientLogout } from '../client-logout.ts'
import { createClient, disableClient, rotateSecret, type NewClient } from '../clients.ts'
import { argument, listOption, UsageError, type Command, type CommandValues } from './command.ts'

const text = { type: 'string' } as const
const LOGOUT_OPTIONS = { 'backchannel-logout-uri': text, 'post-logout-redirect-uris': text } as const
const ONE_DAY_SECONDS = 86_400

function shown(client: Client): object {
  const { id, confidential, grantTypes, scopes, audiences, accessTokenFormat, disabledAtMs } = client
  return { id, confidential, grantTypes, scopes, audiences, accessTokenFormat, disabled: disabledAtMs !== null }
}

function newClient(id: string, values: CommandValues): NewClient {
  const one = (name: string): string | undefined => listOption(values, name)[0]
  const [own, byDefault] = [one('own-audience'), one('default-audience')]
  return {
    id,
    grantTypes: listOption(values, 'grants'),
    scopes: listOption(values, 'scopes'),
    audiences: listOption(values, 'audiences'),
    redirectUris: listOption(values, 'redirect-uris'),
    ...logoutOf(values),
    confidential: values.public !== true,
    firstParty: values['first-party'] === true,
    pushedRequestsRequired: values['require-par'] === true,
    accessTokenFormat: values.opaque === true ? 'opaque' : 'jwt',
    ...(own === undefined ? {} : { ownAudience: own }),
    ...(byDefault === undefined ? {} : { defaultAudience: byDefault })
  }
}

/** What is not given is left out; `none` takes the back-channel logout URI away. */
function logoutOf(values: CommandValues): NewClientLogout {
  const [backchannel] = listOption(values, 'backchannel-logout-uri')
  return {
    ...(backchannel === undefined ? {} : { backchannelLogoutUri: backchannel === 'none' ? null : backchannel }),
    ...(values['post-logout-redirect-uris'] !== undefined && {
      postLogoutRedirectUris: listOption(values, 'post-logout-redirect-uris')
    })
  }
}

function overlapOf(values: CommandValues): number {
  const seconds = Number(values['overlap-seconds'] ?? ONE_DAY_SECONDS)
  if (!Number.isInteger(seconds) || seconds < 0) throw new UsageError('--overlap-seconds is not a whole number')
  return seconds
}

/** `clients …`, `secrets …`. */
export const CLIENT_COMMANDS: readonly Command[] = [
  {
    name: 'clients list',
    arguments: [],
    options: {},
    help: 'Lists the clients.',
    run: async ({ store }) => (await store.clients.list()).map(shown)
  },
  {
    name: 'clients create',
    arguments: ['client-id'],
    options: {
      grants: text,
      scopes: text,
      audiences: text,
      'own-audience': text,
      'default-audience': text,
      'redirect-uris': text,
      public: { type: 'boolean' },
      opaque: { type: 'boolean' },
      'first-party': { type: 'boolean' },
      'require-par': { type: 'boolean' },
      ...LOGOUT_OPTIONS
    },
    help:
      'Creates a client and prints its secret, this once: --grants, --scopes, --audiences, --own-audience, ' +
      '--default-audience, --redirect-uris, --backchannel-logout-uri, --post-logout-redirect-uris, --public, --opaque, ' +
      '--first-party, --require-par.',
    run: async (administration, args, values) => {
      const { client, secret } = await createClient(administration, newClient(argument(args, 0), values))
      return { ...shown(client), secret }
    }
  },
  {
    name: 'clients set-logout',
    arguments: ['client-id'],
    options: LOGOUT_OPTIONS,
    help:
      'Changes where a client hears of ended sessions (--backchannel-logout-uri, `none` for nowhere) and where ' +
      'browsers may go after logout (--post-logout-redirect-uris).',
    run: async (administration, args, values) => {
      await setClientLogout(administration, argument(args, 0), logoutOf(values))
      return { id: argument(args, 0), ...logoutOf(values) }
    }
  },
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
    options: { 'overlap-seconds': text },
    help: 'Gives a client a new secret, printed this once; the old ones are good for --overlap-seconds (a day).',
    run: async (administration, args, values) => {
      return { secret: await rotateSecret(administration, argument(args, 0), overlapOf(values)) }
    }
  }
]
