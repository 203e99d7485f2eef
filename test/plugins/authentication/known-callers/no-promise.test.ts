// What a known caller costs: a look-up, within the tick in which the request arrived.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { promiseHooks } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { CREDENTIALS, KNOWN_KINDS, knownWorld, type KnownKind } from './support/known-world.ts'

const COUNTED = ['createHash', 'createHmac', 'createDecipheriv', 'hash', 'verify'] as const

interface Cost {
  promises: number
  json: number
  /** Whether something else ran between the first hook and the handler. */
  waited: boolean
  readonly crypto: Record<string, number>
}

/** Counts from the first hook of a request to the next step after authentication and authorization. */
function meter(t: Test) {
  let cost: Cost | null = null
  for (const name of COUNTED) {
    const original: unknown = crypto[name]
    t.intercept(crypto, name, {
      configurable: true,
      writable: true,
      value: (...given: unknown[]) => {
        if (cost !== null) cost.crypto[name] = (cost.crypto[name] ?? 0) + 1
        return Reflect.apply(original as () => unknown, crypto, given)
      }
    })
  }
  for (const name of ['parse', 'stringify'] as const) {
    const original: unknown = JSON[name]
    t.intercept(JSON, name, {
      configurable: true,
      writable: true,
      value: (...given: unknown[]) => {
        if (cost !== null) cost.json++
        return Reflect.apply(original as () => unknown, JSON, given)
      }
    })
  }
  syncBuiltinESMExports()
  const stop = promiseHooks.onInit(() => {
    if (cost !== null) cost.promises++
  }) as () => void
  t.teardown(() => {
    stop()
    syncBuiltinESMExports()
  })
  return {
    begin: () => {
      const begun: Cost = { promises: 0, json: 0, waited: false, crypto: {} }
      // Runs as soon as anything is awaited.
      queueMicrotask(() => {
        begun.waited = true
      })
      cost = begun
    },
    end: (): Cost | null => {
      const ended = cost
      cost = null
      return ended && { ...ended }
    }
  }
}

/** The cost of a request of each kind, the first time and the next. */
async function costs(t: Test, kind: KnownKind): Promise<{ first: Cost | null; next: Cost | null }> {
  const { begin, end } = meter(t)
  let last: Cost | null = null
  const addHooks = (app: FastifyInstance): void => {
    app.addHook('onRequest', (_request, _reply, next) => {
      begin()
      next()
    })
  }
  const { send } = await knownWorld(t, {
    before: addHooks,
    handle: request => {
      request.knownExchangedToken('delivery-service')
      last = end()
    }
  })
  await send(CREDENTIALS[kind], { url: '/exchanged' })
  const ask = async (): Promise<Cost | null> => {
    t.equal((await send(CREDENTIALS[kind], { url: '/metered' })).statusCode, 200)
    return last
  }
  t.equal((await send(CREDENTIALS[kind], { url: '/exchanged' })).statusCode, 200)
  const next = await ask()
  const fresh = await knownWorld(t, {
    before: addHooks,
    handle: () => {
      last = end()
    }
  })
  await fresh.send(CREDENTIALS[kind], { url: '/metered' })
  return { first: last, next }
}

for (const kind of KNOWN_KINDS) {
  t.test(
    `a known ${kind} caller is let through without a promise${kind === 'basic' ? ' and with one HMAC' : ' or a hash'}`,
    async t => {
      const { first, next } = await costs(t, kind)
      t.ok(first !== null && first.waited && first.promises > 0, 'the first request takes longer: the meter sees it')
      const expected = kind === 'basic' ? { createHmac: 1 } : {}
      t.same(next, { promises: 0, json: 0, waited: false, crypto: expected })
    }
  )
}
