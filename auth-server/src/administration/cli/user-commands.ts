import { normaliseUsername } from '@sallyport/security-context/mechanics'
import { sessionSummary } from '../../accounts/sessions/session-summary.ts'
import { UnknownSubjectError } from '../../errors.ts'
import type { User } from '../../store/records.ts'
import { isUuid } from '../../uuid.ts'
import type { Administration } from '../administration.ts'
import { endSessionsOf, listSessions } from '../session-administration.ts'
import { tidy } from '../tidy.ts'
import { userSummary } from '../read-users.ts'
import {
  createUser,
  deleteUser,
  disableUser,
  editUser,
  enableUser,
  setPassword,
  setRoles
} from '../user-administration.ts'
import { argument, listOption, UsageError, type Command, type CommandValues } from './command.ts'

const TEXT_OPTION = { type: 'string' } as const

function sessionIdOf(given: string): string {
  if (!isUuid(given)) throw new UsageError('a session id is a UUID, as `sessions list` shows it')
  return given
}

/** From standard input only: the arguments of a process are there for everybody to see. */
function passwordOf({ password }: CommandValues): string {
  if (typeof password !== 'string' || password === '') {
    throw new UsageError('--password-stdin is missing, or nothing came')
  }
  return password
}

async function userNamed({ store }: Administration, username: string): Promise<User> {
  const user = await store.users.findByName(normaliseUsername(username))
  if (user === null) throw new UnknownSubjectError('user', username)
  return user
}

/** `users …` and `sessions …`. */
export const USER_COMMANDS: readonly Command[] = [
  {
    name: 'users list',
    arguments: [],
    options: {},
    help: 'Lists the users.',
    run: async ({ store }) => (await store.users.list()).map(userSummary)
  },
  {
    name: 'users show',
    arguments: ['username'],
    options: {},
    help: 'Shows a user.',
    run: async (administration, args) => userSummary(await userNamed(administration, argument(args, 0)))
  },
  {
    name: 'users create',
    arguments: ['username'],
    options: { roles: TEXT_OPTION },
    help: 'Creates a user: --password-stdin reads the password, --roles A,B gives roles.',
    run: async (administration, args, values) =>
      userSummary(
        await createUser(administration, {
          username: argument(args, 0),
          password: passwordOf(values),
          roles: listOption(values, 'roles')
        })
      )
  },
  {
    name: 'users set-roles',
    arguments: ['username'],
    options: { roles: TEXT_OPTION },
    help: 'Sets the roles (--roles A,B); sessions go on with them from their next refresh.',
    run: async (administration, args, values) => {
      // Left out by mistake, it would take every role away.
      if (values.roles === undefined) throw new UsageError('--roles is missing; --roles "" takes them all away')
      const { id } = await userNamed(administration, argument(args, 0))
      return userSummary(await setRoles(administration, id, listOption(values, 'roles')))
    }
  },
  {
    name: 'users set-password',
    arguments: ['username'],
    options: {},
    help: 'Sets the password and ends all sessions of the user: --password-stdin reads it.',
    run: async (administration, args, values) => {
      await setPassword(administration, (await userNamed(administration, argument(args, 0))).id, passwordOf(values))
      return userSummary(await userNamed(administration, argument(args, 0)))
    }
  },
  ...(
    [
      ['disable', disableUser, 'Disables a user and ends all sessions.'],
      ['enable', enableUser, 'Lets a disabled user log in again.']
    ] as const
  ).map(([verb, change, help]): Command => ({
    name: `users ${verb}`,
    arguments: ['username'],
    options: {},
    help,
    run: async (administration, args) => {
      const { id } = await userNamed(administration, argument(args, 0))
      return userSummary(await change(administration, id))
    }
  })),
  {
    name: 'users rename',
    arguments: ['username', 'new-username'],
    options: {},
    help: 'Gives a user another name; sessions go on.',
    run: async (administration, args) => {
      const { id } = await userNamed(administration, argument(args, 0))
      return userSummary(await editUser(administration, id, { username: argument(args, 1) }))
    }
  },
  {
    name: 'users delete',
    arguments: ['username'],
    options: {},
    help: 'Deletes a user and ends all sessions; the name is free.',
    run: async (administration, args) => {
      const { id, username } = await userNamed(administration, argument(args, 0))
      await deleteUser(administration, id)
      return { id, username, deleted: true }
    }
  },
  {
    name: 'sessions list',
    arguments: ['username'],
    options: {},
    help: 'Lists the live sessions of a user.',
    run: async (administration, args) => {
      const sessions = await listSessions(administration, (await userNamed(administration, argument(args, 0))).id)
      return sessions.map(session => sessionSummary(session, null))
    }
  },
  {
    name: 'sessions end',
    arguments: ['session-id'],
    options: {},
    help: 'Ends one session.',
    run: async (administration, args) => ({
      ended: await endSessionsOf(administration, { kind: 'session', sessionId: sessionIdOf(argument(args, 0)) })
    })
  },
  {
    name: 'sessions end-all',
    arguments: ['username'],
    options: {},
    help: 'Ends all sessions of a user.',
    run: async (administration, args) => ({
      ended: await endSessionsOf(administration, {
        kind: 'user',
        userId: (await userNamed(administration, argument(args, 0))).id
      })
    })
  },
  {
    name: 'database tidy',
    arguments: [],
    options: {},
    help: 'Removes expired rows now; the running server does it every minute.',
    run: async ({ store, clock }) => (await tidy(store, clock())) ?? { busy: 'another process is removing them' }
  }
]
