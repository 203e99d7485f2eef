import { UnknownSubjectError } from '../errors.ts'
import type { User } from '../store/records.ts'
import type { Administration } from './administration.ts'

/** A user as administrators see it; the same over HTTP, on the command line and in the trail. */
export const userSummary = ({ id, username, givenRoles, disabledAtMs, version }: User): UserSummary => ({
  id,
  username,
  roles: givenRoles,
  disabled: disabledAtMs !== null,
  version
})

/** What of a user may be seen. */
export interface UserSummary extends Pick<User, 'id' | 'username' | 'version'> {
  /** Given, disabled or not. */
  readonly roles: readonly string[]
  readonly disabled: boolean
}

/** A page of users by name, and the name to ask for the next one with; `null`: it is the last. */
export async function listUsers(
  { store }: Pick<Administration, 'store'>,
  page: { readonly after: string; readonly limit: number }
): Promise<{ readonly users: readonly UserSummary[]; readonly nextAfter: string | null }> {
  const found = await store.users.list({ ...page, limit: page.limit + 1 })
  const users = found.slice(0, page.limit).map(userSummary)
  return { users, nextAfter: found.length > page.limit ? (users.at(-1)?.username ?? null) : null }
}

/** @throws {UnknownSubjectError} `SALLYPORT_AUTH_SERVER_UNKNOWN` */
export async function knownUser({ store }: Pick<Administration, 'store'>, userId: string): Promise<User> {
  const user = await store.users.find(userId)
  if (user === null) throw new UnknownSubjectError('user', userId)
  return user
}
