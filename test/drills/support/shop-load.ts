// Clients of the whole stack: they order, read, and get tokens, and remember every answer.
import { readFileSync } from 'node:fs'
import type { Stack } from '@sallyport/local'
import { Agent, fetch } from 'undici'
import { waitFor } from './wait-for.ts'

/** As long as a patient client waits. */
const PATIENCE_MS = 15_000
const PAUSE_MS = 15
/** Until recovery has taken up what was begun, and every client has its answer. */
const SETTLED_MS = 120_000

/** An answer as a client saw it, or that there was none. */
export interface SeenAnswer {
  readonly what: 'order' | 'read' | 'token'
  /** Status and code, such as `503 SALLYPORT_STORAGE_UNAVAILABLE`. */
  readonly text: string
  readonly status: number
  readonly startedAt: number
  readonly tookMs: number
}

/** Clients under way. */
export interface ShopLoad {
  readonly startedAt: Date
  readonly answers: readonly SeenAnswer[]
  /** Orders that were answered 201, by the key of their client. */
  readonly placed: ReadonlyMap<string, string>
  /** Tokens that clients got for themselves. */
  readonly tokens: () => number
  /** What did not read as it should, one sentence each. */
  readonly malformed: ReadonlySet<string>
  /** Waits until something that began from now on was answered well. @returns how long that took, in ms */
  readonly recovered: (what: SeenAnswer['what']) => Promise<number>
  /** Ends the load, and asks once more, with the same keys, until every order is answered. */
  readonly stop: () => Promise<void>
}

/** Starts clients that go on until they are stopped. */
export async function startShopLoad(stack: Stack, random: () => number, clients = 6): Promise<ShopLoad> {
  const startedAt = new Date()
  const agent = new Agent({ connect: { ca: readFileSync(stack.caFile, 'utf8') } })
  const answers: SeenAnswer[] = []
  const placed = new Map<string, string>()
  const unknown = new Set<string>()
  const malformed = new Set<string>()
  const run = Math.floor(random() * 2 ** 32).toString(36)
  const state = { stopped: false, keys: 0, tokens: 0 }
  const passwordOf = (name: string): string => stack.users.find(({ username }) => username === name)?.password ?? ''
  const basicOf = (name: string, secret: string): string =>
    `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
  const customer = basicOf('customer1', passwordOf('customer1'))
  const machine = basicOf(
    'machine-client',
    stack.clients.find(({ clientId }) => clientId === 'machine-client')?.clientSecret ?? ''
  )

  async function ask(
    what: SeenAnswer['what'],
    url: string,
    init: Parameters<typeof fetch>[1]
  ): Promise<Record<string, unknown> | null> {
    const startedAt = performance.now()
    const note = (status: number, text: string): void => {
      answers.push({ what, status, text, startedAt, tookMs: Math.round(performance.now() - startedAt) })
    }
    try {
      const answer = await fetch(url, { ...init, dispatcher: agent, signal: AbortSignal.timeout(PATIENCE_MS) })
      const text = await answer.text()
      const body = JSON.parse(text) as Record<string, unknown>
      const code = body['code'] ?? body['error']
      note(answer.status, `${answer.status}${typeof code === 'string' ? ` ${code}` : ''}`)
      for (const mistake of mistakesOf(what, answer)) malformed.add(`${answer.status} ${String(code)}: ${mistake}`)
      return answer.ok ? body : null
    } catch (error) {
      note(0, error instanceof Error ? `no answer: ${error.name}` : 'no answer')
      return null
    }
  }

  const [restaurantId, menuItemId] = await firstOnTheMenu()
  async function firstOnTheMenu(): Promise<[string, string]> {
    const headers = { authorization: customer }
    const restaurants = await ask('read', `${stack.gateway}/restaurants`, { headers })
    const id = (restaurants?.['restaurants'] as Array<{ restaurantId: string }>)[0]?.restaurantId ?? ''
    const menu = await ask('read', `${stack.gateway}/restaurants/${id}/menu`, { headers })
    return [id, (menu?.['items'] as Array<{ menuItemId: string }>)[0]?.menuItemId ?? '']
  }

  async function order(key: string): Promise<void> {
    unknown.add(key)
    const body = await ask('order', `${stack.gateway}/orders`, {
      method: 'POST',
      headers: { authorization: customer, 'content-type': 'application/json', 'idempotency-key': `"${key}"` },
      body: JSON.stringify({ restaurantId, lines: [{ menuItemId, quantity: 1 }], deliveryAddress: key })
    })
    if (body === null) return
    unknown.delete(key)
    placed.set(key, String(body['orderId']))
  }

  async function askForEach(keys: string[]): Promise<void> {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) await order(key)
  }

  async function step(): Promise<void> {
    const choice = random()
    if (choice < 0.5) await order(`drill-${run}-${++state.keys}`)
    else if (choice < 0.8) await ask('read', `${stack.gateway}/orders`, { headers: { authorization: customer } })
    else {
      const body = await ask('token', `${stack.issuer}/oauth2/token`, {
        method: 'POST',
        headers: { authorization: machine, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'grant_type=client_credentials'
      })
      if (body !== null) state.tokens++
    }
  }

  const running = Array.from({ length: clients }, async () => {
    while (!state.stopped) {
      await step()
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  })
  return {
    startedAt,
    answers,
    placed,
    tokens: () => state.tokens,
    malformed,
    recovered: async what => {
      const from = performance.now()
      return await waitFor(`a good answer to ${what}`, () =>
        answers.some(seen => seen.what === what && seen.startedAt >= from && isGood(seen))
      )
    },
    stop: async () => {
      state.stopped = true
      await Promise.all(running)
      const askAgain = async (): Promise<boolean> => {
        const keys = [...unknown]
        await Promise.all(Array.from({ length: clients }, () => askForEach(keys)))
        return unknown.size === 0
      }
      await waitFor('every order is answered', askAgain, SETTLED_MS)
      await agent.close()
    }
  }
}

/** How often each answer was seen. */
export function countAnswers(answers: readonly SeenAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { text } of answers) counts[text] = (counts[text] ?? 0) + 1
  return counts
}

const isGood = ({ status }: SeenAnswer): boolean => status >= 200 && status < 300

/** What a client could not work with. */
function mistakesOf(what: SeenAnswer['what'], { status, headers }: { status: number; headers: Headers }): string[] {
  if (status < 500) return []
  const mistakes = []
  if (status === 500) mistakes.push('a mistake of ours')
  if (status === 503 && !headers.has('retry-after')) mistakes.push('without Retry-After')
  const isProblem = headers.get('content-type')?.startsWith('application/problem+json') === true
  if (what !== 'token' && !isProblem) mistakes.push('no problem document')
  return mistakes
}
