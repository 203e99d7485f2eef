import { once } from 'node:events'
import { createServer } from 'node:http'
import { lateKeySource, openDiscovery } from '@sallyport/service-process'
import type { KeySource } from '@sallyport/security-context'
import { discoverMetadata } from '@sallyport/token-exchange'
import t, { type Test } from 'tap'
import { freePort } from '../../support/free-port.ts'

/** A schedule that the test moves on itself, and how often it did. */
function byHand(): {
  schedule: (run: () => Promise<void>) => { stop: () => void }
  next: () => Promise<void>
  stopped: () => boolean
} {
  let run = async (): Promise<void> => {}
  let stopped = false
  return {
    schedule: given => {
      run = given
      return {
        stop: () => {
          stopped = true
        }
      }
    },
    next: async () => {
      if (!stopped) await run()
    },
    stopped: () => stopped
  }
}

const NOT_DISCOVERED = { code: 'SALLYPORT_PROCESS_NOT_DISCOVERED', statusCode: 503, headers: { 'retry-after': '5' } }
const UNAVAILABLE = Object.assign(new Error('no answer'), { statusCode: 503 })

/** An address at which nobody listens yet. */
async function lateIssuer(
  t: Test
): Promise<{ issuer: string; comeUp: (document: Record<string, unknown>) => Promise<void>; asked: () => number }> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  let asked = 0
  return {
    issuer,
    asked: () => asked,
    comeUp: async document => {
      const server = createServer((_request, response) => {
        asked++
        response
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`, ...document }))
      }).listen(port, '127.0.0.1')
      await once(server, 'listening')
      t.after(async () => {
        server.closeAllConnections()
        server.close()
      })
    }
  }
}

t.test('an issuer that comes up late is found at the first attempt after that, and is not asked again', async t => {
  const { issuer, comeUp, asked } = await lateIssuer(t)
  const { schedule, next, stopped } = byHand()
  let attempts = 0
  const lines: string[] = []
  const log = {
    warn: (_detail: object, line: string) => {
      lines.push(line)
    },
    info: (_detail: object, line: string) => {
      lines.push(line)
    }
  }
  const discovery = openDiscovery({
    name: 'issuer',
    attempt: async () => {
      attempts++
      return await discoverMetadata({ issuer })
    },
    schedule,
    log
  })
  await discovery.attempted
  await t.rejects(discovery.ready(), { ...NOT_DISCOVERED, cause: { code: 'SALLYPORT_TOKEN_UNAVAILABLE' } })
  await t.rejects(discovery.get(), NOT_DISCOVERED)
  for (let i = 0; i < 3; i++) await next()
  t.equal(attempts, 4)
  t.equal(discovery.found(), null)
  t.equal(lines.length, 1, 'one line for one reason')
  t.match(lines[0], /^issuer: not found yet/)
  await comeUp({})
  await next()
  await discovery.ready()
  t.equal((await discovery.get()).tokenEndpoint, `${issuer}/token`)
  t.match(lines, [/not found yet/, 'issuer: found'])
  t.ok(stopped(), 'nothing is scheduled any more')
  t.strictSame([attempts, asked()], [5, 1])
})

t.test('a mistake at the first attempt is told to the boot, an outage is not', async t => {
  const { issuer, comeUp } = await lateIssuer(t)
  await comeUp({ issuer: 'https://somebody.example' })
  const { schedule } = byHand()
  const mistaken = openDiscovery({ name: 'issuer', attempt: () => discoverMetadata({ issuer }), schedule })
  await t.rejects(mistaken.attempted, { code: 'SALLYPORT_TOKEN_METADATA_INVALID' })
  const away = openDiscovery({
    name: 'issuer',
    attempt: async () => {
      throw UNAVAILABLE
    },
    schedule
  })
  await t.resolves(away.attempted)
  const unresolved = openDiscovery({
    name: 'issuer',
    attempt: async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { syscall: 'getaddrinfo' })
    },
    schedule
  })
  await t.resolves(unresolved.attempted)
})

t.test(
  'a mistake that comes later leaves the process not ready and is told once; another reason is told again',
  async t => {
    const { schedule, next } = byHand()
    const failures = [
      UNAVAILABLE,
      new Error('names another issuer'),
      new Error('names another issuer'),
      new Error('names no keys')
    ]
    let attempts = 0
    const told: string[] = []
    const discovery = openDiscovery({
      name: 'issuer',
      attempt: async () => {
        throw failures[attempts++]
      },
      schedule,
      log: {
        warn: detail => {
          told.push((detail as { err: Error }).err.message)
        },
        info: () => {}
      }
    })
    await discovery.attempted
    for (let i = 0; i < 3; i++) await next()
    t.strictSame(told, ['no answer', 'names another issuer', 'names no keys'])
    await t.rejects(discovery.ready(), { ...NOT_DISCOVERED, cause: { message: 'names no keys' } })
  }
)

t.test('a closed discovery tries no more', async t => {
  const { schedule, next } = byHand()
  let attempts = 0
  const discovery = openDiscovery({
    name: 'issuer',
    attempt: async () => {
      attempts++
      throw UNAVAILABLE
    },
    schedule
  })
  await discovery.attempted
  discovery.close()
  await next()
  t.equal(attempts, 1)
})

t.test('keys of an issuer that is not found refuse with 503, and are opened once when it is', async t => {
  const { schedule, next } = byHand()
  let isUp = false
  let opened = 0
  let closed = 0
  const key = { keyId: 'k', algorithm: 'ES256', key: {} as never }
  const source: KeySource = {
    find: async keyId => (keyId === 'k' ? key : null),
    isPublished: keyId => keyId === 'k',
    ready: async () => {},
    ageMs: () => 1,
    close: async () => {
      closed++
    }
  }
  const discovery = openDiscovery({
    name: 'issuer',
    attempt: async () => {
      if (isUp) return 'metadata'
      throw UNAVAILABLE
    },
    schedule
  })
  const keys = lateKeySource(discovery, metadata => {
    opened++
    t.equal(metadata, 'metadata')
    return source
  })
  await discovery.attempted
  await t.rejects(keys.find('k'), NOT_DISCOVERED)
  await t.rejects(keys.ready(), NOT_DISCOVERED)
  t.equal(keys.isPublished('k'), false)
  t.equal(keys.ageMs(), null)
  isUp = true
  await next()
  t.equal(keys.isPublished('k'), true)
  t.equal(await keys.find('k'), key)
  t.equal(await keys.find('x'), null)
  await keys.ready()
  t.equal(keys.ageMs(), 1)
  await keys.close()
  t.strictSame([opened, closed], [1, 1])
})

t.test('keys that were never opened are closed without opening them', async () => {
  const discovery = openDiscovery<string>({
    name: 'issuer',
    attempt: async () => {
      throw UNAVAILABLE
    },
    schedule: byHand().schedule
  })
  await lateKeySource(discovery, () => {
    throw new Error('not expected')
  }).close()
  await discovery.attempted
})
