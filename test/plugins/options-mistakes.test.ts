// Every plugin and every factory names an option that there is not, and all other mistakes with it, at boot.
import auditLog, { type AuditLogOptions } from '@sallyport/audit-log'
import authentication, {
  createDpopNonces,
  createIntrospector,
  createJwksKeySource,
  createSharedSecretVerifier,
  createStatusListSource,
  createTokenVerifier
} from '@sallyport/authentication'
import authorization from '@sallyport/authorization'
import configuration, { loadSettings } from '@sallyport/configuration'
import health from '@sallyport/health'
import metrics from '@sallyport/metrics'
import secureTransport, { createPeerAgent } from '@sallyport/secure-transport'
import securityContext from '@sallyport/security-context'
import { openDiscovery, startTracing } from '@sallyport/service-process'
import { createIssuer } from '@sallyport/testing'
import tokenExchange, { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import t from 'tap'

/** Options as somebody writes them who has no types. */
type Untyped = Readonly<Record<string, unknown>>

async function boot(plugin: unknown, options: Untyped): Promise<void> {
  const app = Fastify()
  await app.register(securityContext)
  try {
    await app.register(plugin as FastifyPluginAsync<Untyped>, options)
    await app.ready()
  } finally {
    await app.close()
  }
}

const plugins: ReadonlyArray<readonly [code: string, plugin: unknown, options: Untyped, named: readonly RegExp[]]> = [
  [
    'TRANSPORT',
    secureTransport,
    { maxHeadersCount: 1, hstsMaxAgeSeconds: -1 },
    [/did you mean maxHeaderCount/, /hsts/]
  ],
  [
    'METRICS',
    metrics,
    { exposeAt: null, processMetrics: 'no', prefix: '/x' },
    [/exposeAt/, /processMetrics/, /prefix/]
  ],
  ['HEALTH', health, { check: {}, checkTimeoutMs: 0 }, [/check is not .*did you mean checks/, /checkTimeoutMs must/]],
  [
    'AUTHORIZATION',
    authorization,
    { existance: 1, acl: { timeoutMs: 0 } },
    [/existence\?/, /acl\.db is missing/, /acl\.t/]
  ],
  [
    'AUDIT',
    auditLog,
    { process: 1, colour: 1 } satisfies Partial<Record<keyof AuditLogOptions | 'colour', unknown>>,
    [/db is missing/, /process must/, /colour/]
  ],
  [
    'TOKEN',
    tokenExchange,
    { tokenclient: {}, maxCachedTokens: 0 },
    [/did you mean tokenClient/, /tokenClient is missing/, /maxC/]
  ],
  [
    'AUTHENTICATION',
    authentication,
    { issuer: 'x', session: { key: 1 } },
    [/issuer must/, /session\.key is not/, /session\.keys is/]
  ],
  ['CONFIGURATION', configuration, { schema: 1, perfix: 'A_', prefix: 'a' }, [/schema must/, /perfix/, /prefix must/]]
]

for (const [area, plugin, options, named] of plugins) {
  t.test(`${area}: an option that there is not and two mistakes at once fail the boot and are all named`, async t => {
    const failure = await boot(plugin, options).then(
      () => null,
      (error: Error & { code: string }) => error
    )
    t.equal(failure?.code, `SALLYPORT_${area}_OPTIONS_INVALID`)
    for (const name of named) t.match(failure?.message, name)
  })
}

t.test('an issuer of the test kit names an option that there is not and all mistakes at once', async t => {
  const options: Untyped = {
    audiense: 'x',
    issuer: 'https://issuer.test/',
    algorithm: 'HS256',
    users: { a: { roles: 1 } }
  }
  const code = 'SALLYPORT_TESTING_OPTIONS_INVALID'
  for (const named of [
    /did you mean audience/,
    /issuer must/,
    /algorithm must/,
    /users\.a\.password is missing/,
    /roles/
  ]) {
    t.throws(() => createIssuer(options), { code, message: named })
  }
})

const factories: ReadonlyArray<readonly [area: string, make: (options: never) => unknown]> = [
  ['TRANSPORT', createPeerAgent],
  ['AUTHENTICATION', createTokenVerifier],
  ['AUTHENTICATION', createSharedSecretVerifier],
  ['AUTHENTICATION', createIntrospector],
  ['AUTHENTICATION', createJwksKeySource],
  ['AUTHENTICATION', createStatusListSource],
  ['AUTHENTICATION', createDpopNonces],
  ['TOKEN', createTokenClient],
  ['TOKEN', discoverMetadata],
  ['CONFIGURATION', loadSettings],
  ['PROCESS', startTracing],
  ['PROCESS', openDiscovery]
]

for (const [area, make] of factories) {
  t.test(`${make.name} names an option that there is not and every one that is missing`, async t => {
    await t.rejects(async () => await make({ colour: 'red' } as never), {
      code: `SALLYPORT_${area}_OPTIONS_INVALID`,
      message: /is missing.*colour is not an option/
    })
  })
}
