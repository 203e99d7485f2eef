import type { CallAnswer, Transcript } from './transcript.ts'

/** The facts of a running stack that the walkthrough uses: the content of `.sallyport/local.json`. */
export interface Stack {
  readonly gateway: string
  readonly issuer: string
  readonly caFile: string
  readonly operations: Readonly<Record<string, string>>
  /** Where the spans of a trace are asked for; absent where they go to a collector of the operator's. */
  readonly collector?: string
  /** Process id of each process. */
  readonly processIds: Readonly<Record<string, number>>
  readonly clients: ReadonlyArray<{ readonly clientId: string; readonly clientSecret?: string }>
  readonly users: ReadonlyArray<{
    readonly username: string
    readonly password: string
    readonly roles: readonly string[]
  }>
}

/** One flow: its number and name, and what it does. */
export interface Flow {
  readonly title: string
  readonly run: (stack: Stack, transcript: Transcript) => Promise<void>
}

/** `Authorization: Basic` of a demo user. */
export function asUser(stack: Stack, username: string): Record<string, string> {
  const user = stack.users.find(candidate => candidate.username === username)
  if (user === undefined) throw new Error(`there is no demo user ${username}`)
  return { authorization: basic(username, user.password) }
}

/** `Authorization: Basic` of an OAuth client. */
export function asClient(stack: Stack, clientId: string): Record<string, string> {
  const client = stack.clients.find(candidate => candidate.clientId === clientId)
  return { authorization: basic(clientId, client?.clientSecret ?? '') }
}

/** The password of a demo user. */
export function demoPassword(stack: Stack, username: string): string {
  return stack.users.find(candidate => candidate.username === username)?.password ?? ''
}

/** A member of a JSON answer, found by its path; `undefined` when there is none. */
export function answerMember(answer: CallAnswer, ...path: ReadonlyArray<string | number>): unknown {
  let at: unknown = answer.body
  for (const name of path) {
    at = typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[name] : undefined
  }
  return at
}

/** A list in a JSON answer, empty when there is none. */
export function answerList(answer: CallAnswer, name: string): ReadonlyArray<Record<string, unknown>> {
  const value = answerMember(answer, name)
  return Array.isArray(value) ? (value as Array<Record<string, unknown>>) : []
}

/** The cookies of an answer, as the `Cookie` header of the next request. */
export function cookiesOf(answer: CallAnswer): string {
  return [answer.headers['set-cookie'] ?? []]
    .flat()
    .map(cookie => cookie.split(';')[0] ?? '')
    .join('; ')
}

function basic(name: string, secret: string): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
}
