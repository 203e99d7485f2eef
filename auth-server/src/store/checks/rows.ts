import { randomBytes, randomUUID } from 'node:crypto'
import { CLIENT_FIELD_LIST, isClientRegistration, registrationMistakes } from '../client-fields.ts'
import type { Store } from '../contract.ts'
import type { AuthorizationCode, Client, ClientRegistration, Role, Session, SignIn, User } from '../records.ts'

/** The time of every check. */
export const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const LIST_SIZE = 1024

/** A hash of something nobody knows. */
export const newHash = (): Buffer => randomBytes(32)

/** A role as it is made. */
export const roleNamed = (name: string): Role => ({ name, descriptions: {}, version: 1, disabledAtMs: null })

/** A user that is in the store, with these roles, which are there too. */
export async function someUser(store: Store, more: Partial<Omit<User, 'givenRoles'>> = {}): Promise<User> {
  const id = randomUUID()
  const roles = more.roles ?? ['CUSTOMER']
  for (const role of roles) await store.roles.create(roleNamed(role))
  const user: User = {
    id,
    username: `user-${id}`,
    passwordHash: 'hash',
    passwordChangedAtMs: NOW,
    disabledAtMs: null,
    version: 1,
    ...more,
    roles,
    givenRoles: roles
  }
  await store.users.create(user, NOW)
  return user
}

/** What is registered of a client: nothing but what has to be, or everything unlike that. */
export function someRegistration(value: 'initial' | 'sample'): ClientRegistration {
  const registration = {
    ...Object.fromEntries(
      CLIENT_FIELD_LIST.map(field => [field.name, field[value] === undefined ? field.sample : field[value]])
    ),
    id: `client-${randomUUID()}`
  }
  if (!isClientRegistration(registration)) throw new Error(registrationMistakes(registration).join(', '))
  return registration
}

/** A client that is in the store. */
export async function someClient(store: Store, more: Partial<Client> = {}): Promise<Client> {
  const client: Client = {
    ...someRegistration('initial'),
    status: await store.statusLists.allocate(LIST_SIZE, NOW),
    version: 1,
    disabledAtMs: null,
    ...more
  }
  await store.clients.create(client, NOW)
  return client
}

/** A session with its first refresh token. */
export interface SomeSession {
  readonly session: Session
  readonly user: User
  readonly client: Client
  readonly tokenHash: Buffer
}

/** A session that is in the store. */
export async function someSession(store: Store, more: Partial<Session> = {}): Promise<SomeSession> {
  const user = await someUser(store)
  const client = await someClient(store)
  const session: Session = {
    id: randomUUID(),
    userId: user.id,
    clientId: client.id,
    kind: 'login',
    scopes: ['orders:read'],
    audience: 'orders',
    idleSeconds: 3600,
    createdAtMs: NOW,
    lastUsedAtMs: NOW,
    idleExpiresAtMs: NOW + HOUR,
    absoluteExpiresAtMs: NOW + 24 * HOUR,
    userAgent: 'first agent',
    sourceAddress: '192.0.2.1',
    status: await store.statusLists.allocate(LIST_SIZE, NOW),
    confirmation: null,
    signInId: null,
    authenticatedAtMs: null,
    endedAtMs: null,
    endReason: null,
    ...more
  }
  const tokenHash = newHash()
  await store.sessions.create(session, tokenHash)
  return { session, user, client, tokenHash }
}

/** A sign-in that is in the store. */
export async function someSignIn(
  store: Store,
  user: User
): Promise<{ readonly signIn: SignIn; readonly secretHash: Buffer }> {
  const signIn: SignIn = {
    id: randomUUID(),
    userId: user.id,
    authenticatedAtMs: NOW,
    lastUsedAtMs: NOW,
    idleExpiresAtMs: NOW + HOUR,
    absoluteExpiresAtMs: NOW + 24 * HOUR,
    endedAtMs: null
  }
  const secretHash = newHash()
  await store.signIns.create(signIn, secretHash)
  return { signIn, secretHash }
}

/** A code that is in the store. */
export async function someCode(store: Store): Promise<{ readonly code: AuthorizationCode; readonly hash: Buffer }> {
  const user = await someUser(store)
  const client = await someClient(store)
  const { signIn } = await someSignIn(store, user)
  const code: AuthorizationCode = {
    clientId: client.id,
    userId: user.id,
    signInId: signIn.id,
    redirectUri: 'https://app.example/callback',
    codeChallenge: 'A'.repeat(43),
    scopes: ['openid', 'orders:read'],
    audience: 'orders',
    nonce: 'n-1',
    authenticatedAtMs: NOW,
    dpopThumbprint: null,
    expiresAtMs: NOW + 60_000
  }
  const hash = newHash()
  await store.authorizationCodes.save(hash, code)
  return { code, hash }
}

/** How many of the calls that run at the same time answered `true`. */
export async function winnersOf(calls: number, call: (position: number) => Promise<boolean>): Promise<number> {
  const answers = await Promise.all(Array.from({ length: calls }, async (_, position) => await call(position)))
  return answers.filter(won => won).length
}
