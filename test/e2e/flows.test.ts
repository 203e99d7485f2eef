// The real processes with real TLS and a real database, started as `npm start` starts them, once for this file.
import { createHash, createPrivateKey, randomBytes, randomUUID } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SignJWT } from 'jose'
import { Agent, request } from 'undici'
import t from 'tap'
import { flows, readStack, runFlows, startOwnStack, type LocalFacts, type Stack } from '@sallyport/local'
import { makeAuthority } from '../support/certificates.ts'
import { CHILD_ENVIRONMENT } from '../support/child-environment.ts'
import { commandSections, queryAsSuperuser, ROTATED_SECTIONS, rotateSecrets } from '../support/rotate-secrets.ts'
import { startSecretLoad } from '../support/secret-load.ts'
import { explainOrderService } from './support/explain-settings.ts'
import { unknownObservations } from '../support/observability/observed-names.ts'
import { answersTo, runbookVariables } from '../support/observability/operator-questions.ts'
import { startTraceCollector, type CollectedSpan } from '../support/trace-collector.ts'

const collector = await startTraceCollector()
t.teardown(() => collector.close())
const own = await startOwnStack({ environment: { ...process.env, ...CHILD_ENVIRONMENT, ...collector.environment } })
t.teardown(() => own.stop())
const stack = { ...readStack(own.localJson), collector: collector.queryOrigin }
const agent = new Agent({ connect: { ca: readFileSync(stack.caFile, 'utf8') } })
t.teardown(() => agent.close())

for (const flow of flows) {
  t.test(flow.title, async t => {
    const lines: string[] = []
    await t.resolves(
      runFlows(stack, [flow], line => {
        lines.push(line)
      }),
      lines.slice(-12).join('\n')
    )
    t.match(lines.join('\n'), '✓', 'it checked something')
  })
}

t.test(
  'settings come from the real server over TLS, and while it is stopped from the snapshot of the last start',
  async t => {
    const { directory } = own
    const operations = new URL(stack.operations['configuration-server'] ?? '')
    const at = { directory, issuer: stack.issuer, port: Number(operations.port) - 100 }
    const stopped = { ...at, port: 1 }
    const { certificate } = await makeAuthority()
    const foreign = join(t.testdir({ 'ca.pem': certificate }), 'ca.pem')
    const [served, kept, failed, unknown] = await Promise.all([
      explainOrderService(at, { SALLYPORT_ORDER_UNDONE_AFTER_MS: '61000' }),
      explainOrderService(stopped),
      explainOrderService(stopped, { SALLYPORT_CONFIGURATION_OUTAGE: 'fail' }),
      explainOrderService(at, { SALLYPORT_CONFIGURATION_OUTAGE: 'fail', SALLYPORT_TLS_CA_PATH: foreign })
    ])
    const origin = ({ settings }: typeof kept): string | undefined =>
      settings.find(({ setting }) => setting === 'orderUndoneAfterMs')?.origin
    t.equal(origin(served), 'environment SALLYPORT_ORDER_UNDONE_AFTER_MS', 'what is pushed wins')
    t.match(origin(kept), 'snapshot of the configuration server https://', kept.error)
    for (const { code, error } of [failed, unknown]) {
      t.equal(code, 1)
      t.match(error, 'The configuration server does not answer')
    }
    t.match(origin(await explainOrderService(at)), /^configuration server https:/)
  }
)

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Record<string, unknown>
}

async function call(
  url: string,
  options: {
    method?: 'GET' | 'POST'
    headers?: Record<string, string>
    form?: Record<string, string>
    json?: unknown
  } = {}
): Promise<Answer> {
  const body =
    options.form !== undefined
      ? new URLSearchParams(options.form).toString()
      : options.json !== undefined
        ? JSON.stringify(options.json)
        : null
  const type =
    options.form !== undefined
      ? { 'content-type': 'application/x-www-form-urlencoded' }
      : options.json !== undefined
        ? { 'content-type': 'application/json' }
        : {}
  const response = await request(url, {
    method: options.method ?? 'GET',
    headers: { ...type, ...options.headers },
    body,
    dispatcher: agent
  })
  const text = await response.body.text()
  return {
    status: response.statusCode,
    headers: response.headers,
    body: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>
  }
}

const basic = (name: string, secret: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
})
const bearer = (token: unknown): Record<string, string> => ({ authorization: `Bearer ${String(token)}` })
const userOf = (stack: Stack, username: string): Record<string, string> =>
  basic(username, stack.users.find(user => user.username === username)?.password ?? '')
const clientOf = (stack: Stack, clientId: string): Record<string, string> =>
  basic(clientId, stack.clients.find(client => client.clientId === clientId)?.clientSecret ?? '')

async function edgeToken(username: string): Promise<string> {
  const password = stack.users.find(user => user.username === username)?.password
  return String(
    (await call(`${stack.gateway}/login`, { method: 'POST', json: { username, password, tokens: 'body' } })).body
      .accessToken
  )
}

async function exchanged(subjectToken: string, audience: string): Promise<Answer> {
  return await call(`${stack.issuer}/oauth2/token`, {
    method: 'POST',
    headers: clientOf(stack, 'gateway'),
    form: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subjectToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience
    }
  })
}

t.test('V12: a tampered token is refused at the edge', async t => {
  const token = await edgeToken('customer1')
  t.equal((await call(`${stack.gateway}/orders`, { headers: bearer(token) })).status, 200)
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  const forged = Buffer.from(JSON.stringify({ ...claims, roles: ['ADMIN'] })).toString('base64url')
  const refused = await call(`${stack.gateway}/orders`, { headers: bearer(`${header}.${forged}.${signature}`) })
  t.match(refused, { status: 401, body: { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID' } })
})

t.test('V07: a token for a service is refused at the edge, and an edge token by a service', async t => {
  const edge = await edgeToken('customer1')
  const { body } = await exchanged(edge, 'order-service')
  t.equal(
    (await call(`${stack.gateway}/orders`, { headers: bearer(body.access_token) })).status,
    401,
    'a direct service token at the edge'
  )
  const port = Number(new URL(stack.gateway).port) + 2
  const direct = new Agent({
    connect: { ca: readFileSync(stack.caFile, 'utf8'), servername: 'order-service.sallyport.internal' }
  })
  t.teardown(() => direct.close())
  const atService = async (token: unknown): Promise<number> => {
    const response = await request(`https://127.0.0.1:${port}/orders`, { headers: bearer(token), dispatcher: direct })
    await response.body.dump()
    return response.statusCode
  }
  t.equal(await atService(body.access_token), 200)
  t.equal(await atService(edge), 401, 'the edge token')
  t.equal(
    await atService((await exchanged(edge, 'delivery-service')).body.access_token),
    401,
    'a token for another service'
  )
})

t.test('T-02: a hop to the wrong service fails on its name', async t => {
  const wrong = new Agent({
    connect: { ca: readFileSync(stack.caFile, 'utf8'), servername: 'restaurant-service.sallyport.internal' }
  })
  t.teardown(() => wrong.close())
  const port = Number(new URL(stack.gateway).port) + 2
  await t.rejects(request(`https://127.0.0.1:${port}/orders`, { dispatcher: wrong }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID'
  })
})

t.test('Z02: another customer’s order does not exist, and the denial is audited', async t => {
  const orders = (await call(`${stack.gateway}/orders`, { headers: userOf(stack, 'customer1') })).body.orders as Array<{
    orderId: string
  }>
  const orderId = orders[0]?.orderId ?? ''
  const denials = async (): Promise<Array<Record<string, unknown>>> => {
    const query = new URLSearchParams({
      action: 'order.read',
      outcome: 'denied',
      resourceType: 'order',
      resourceId: orderId
    })
    return (
      await call(`${stack.gateway}/audit/order-service?${query.toString()}`, { headers: userOf(stack, 'admin1') })
    ).body.events as Array<Record<string, unknown>>
  }
  const before = await denials()
  t.equal((await call(`${stack.gateway}/orders/${orderId}`, { headers: userOf(stack, 'customer2') })).status, 404)
  const [denial, ...earlier] = await denials()
  t.same(earlier, before, 'Z08: this very read is one row, with subject, action and resource')
  const claims = JSON.parse(
    Buffer.from((await edgeToken('customer2')).split('.')[1] ?? '', 'base64url').toString()
  ) as { sub: string }
  t.equal(denial?.subject, claims.sub)
})

t.test('a logout ends the exchanged tokens too, at every service', async t => {
  const password = stack.users.find(user => user.username === 'customer1')?.password
  const login = (
    await call(`${stack.gateway}/login`, { method: 'POST', json: { username: 'customer1', password, tokens: 'body' } })
  ).body
  t.equal((await call(`${stack.gateway}/orders`, { headers: bearer(login.accessToken) })).status, 200)
  t.equal(
    (await call(`${stack.gateway}/logout`, { method: 'POST', json: { refreshToken: login.refreshToken } })).status,
    204
  )
  let status = 200
  // Within the bound a service may know before the gateway does: its refusal is a 503 to try again, and no data.
  // Waited for, not slept for: the bound is measured by the benchmark.
  while (status === 200 || status === 503) {
    status = (await call(`${stack.gateway}/orders`, { headers: bearer(login.accessToken) })).status
  }
  t.equal(status, 401)
})

t.test('a request is one line in each process that it passes, and all of them have its ids', async t => {
  const token = await edgeToken('customer1')
  const answer = await call(`${stack.gateway}/orders?limit=7`, { headers: bearer(token) })
  t.equal(answer.status, 200)
  const id = String(answer.headers['x-request-id'])
  const linesOf = (): Array<Record<string, unknown>> =>
    own
      .output()
      .split('\n')
      .filter(line => line.includes(id) && line.includes('request completed'))
      .map(line => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
  while (linesOf().length < 2) await new Promise(setImmediate)
  const [edge = {}, service = {}] = linesOf().sort(one => (one.name === 'reference-gateway' ? -1 : 1))
  t.match(edge, {
    name: 'reference-gateway',
    reqId: id,
    txn: String,
    trace_id: /^[0-9a-f]{32}$/,
    decision: 'allowed',
    durationMs: Number,
    upstreamMs: Number
  })
  const { txn, trace_id: traceId, subject } = edge
  const ids = { reqId: id, txn, trace_id: traceId, subject }
  t.match(service, {
    name: 'order-service',
    route: '/orders',
    decision: 'allowed',
    durationMs: Number,
    databaseMs: Number,
    ...ids
  })
  t.equal(linesOf().length, 2, 'one in each')
})

t.test('the commands of docs/observability.md answer an operator’s three questions', async t => {
  const folder = t.testdir({})
  const log = join(folder, 'stack.log')
  const copying = setInterval(() => writeFileSync(log, own.output()), 20)
  t.teardown(() => clearInterval(copying))
  const variables = { ...(await runbookVariables(own.directory)), LOG: log }
  /** The lines of a request may come after its answer. */
  const answerOf = async (question: string): Promise<string> =>
    await answersTo(question, variables, folder).catch(async () => await answerOf(question))

  const refused = await answerOf('Why was this request refused')
  t.match(refused, /"code":"SALLYPORT_\w+"/, 'the answer has a code')
  t.match(refused, /"decision":"denied".*"reason":"role-missing"/, 'the log says who decided, and why')
  t.match(refused, /"events":\[\{.*"outcome":"denied"/, 'and the audit trail has the row')
  const did = await answerOf('Who did what')
  t.match(did, /"action":"order\.place"/, 'the change')
  t.match(did, /"action":"ticket\.open"/, 'what it caused in another process')
  t.match(did, /"action":"session\.start"/, 'and who had logged in')
  const slow = await answerOf('Why is it slow')
  t.match(slow, /http_route="\/orders/, 'the routes')
  t.match(slow, /"durationMs":\d/, 'the slowest lines')
  t.match(slow, /^"route":".*"durationMs".*"(upstream|database|token)Ms"/m, 'what each process of it waited for')
  t.match(slow, /sallyport_database_pool_waiting/, 'and who waits for what')
})

t.test('every metric, label and value that alerts and dashboards name is exposed', async t => {
  const texts = await Promise.all(
    Object.values(stack.operations).map(async url => await (await fetch(`${url}/metrics`)).text())
  )
  t.strictSame(unknownObservations(texts), [])
})

t.test('P5: no password, token or secret is in any process’s log', async t => {
  const token = await edgeToken('customer1')
  await call(`${stack.gateway}/orders?access_token=${token}`, { headers: bearer(token) })
  await call(`${stack.gateway}/nowhere?password=canary-${token.slice(-8)}`)
  const log = own.output()
  const printed = log.slice(log.indexOf('Ctrl-C stops everything'))
  for (const { username, password } of stack.users) t.notMatch(printed, password, `the password of ${username}`)
  for (const { clientId, clientSecret } of stack.clients) {
    if (clientSecret !== undefined) t.notMatch(printed, clientSecret, `the secret of ${clientId}`)
  }
  t.notMatch(printed, token.split('.')[2] ?? 'x', 'the signature of a token')
})

const clientCredentials = async (
  headers: Record<string, string>,
  form: Record<string, string> = {},
  dispatcher = agent,
  endpoint = `${stack.issuer}/oauth2/token`
): Promise<Record<string, unknown>> => {
  const response = await request(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
    dispatcher
  })
  return (await response.body.json()) as Record<string, unknown>
}

t.test('every client of local.json can be used with what is listed there', async t => {
  const metadata = (await call(`${stack.issuer}/.well-known/oauth-authorization-server`)).body as unknown as {
    mtls_endpoint_aliases: { token_endpoint: string }
  }
  const facts = JSON.parse(readFileSync(own.localJson, 'utf8')) as LocalFacts
  for (const client of facts.clients) {
    const { clientId, privateKeyFile = '', certificateFile, keyId } = client
    if (client.grantTypes.includes('authorization_code') && client.redirectUris !== undefined) {
      t.match(
        await codeFlow(clientId, client.redirectUris[0] ?? '', client.clientSecret),
        { token_type: 'Bearer', id_token: /^ey/, refresh_token: /./ },
        clientId
      )
    } else if (certificateFile !== undefined) {
      t.equal(statSync(privateKeyFile).mode & 0o777, 0o600)
      const withCertificate = new Agent({
        connect: {
          ca: readFileSync(stack.caFile, 'utf8'),
          cert: readFileSync(certificateFile, 'utf8'),
          key: readFileSync(privateKeyFile, 'utf8')
        }
      })
      const answer = await clientCredentials(
        {},
        { client_id: clientId },
        withCertificate,
        metadata.mtls_endpoint_aliases.token_endpoint
      )
      t.match(answer, { access_token: /^ey/, token_type: 'Bearer' }, clientId)
      t.equal(
        (await clientCredentials({}, { client_id: clientId })).error,
        'invalid_client',
        'not without the certificate'
      )
      await withCertificate.close()
    } else if (keyId !== undefined) {
      t.equal(statSync(privateKeyFile).mode & 0o777, 0o600)
      const assertion = await new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid: keyId })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(stack.issuer)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(createPrivateKey(readFileSync(privateKeyFile)))
      const proof = {
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
      }
      t.match(await clientCredentials({}, proof), { access_token: /^ey/ }, clientId)
    } else if (client.audiences.length === 0) {
      const introspected = await call(`${stack.issuer}/oauth2/introspect`, {
        method: 'POST',
        headers: clientOf(stack, clientId),
        form: { token: 'unknown' }
      })
      t.strictSame(
        [introspected.status, introspected.body],
        [200, { active: false }],
        `${clientId} calls nobody: it is a resource server only`
      )
    } else if (client.grantTypes.includes('client_credentials')) {
      // A process has an audience for each that it calls, and its configuration is one of them.
      const isProcess = client.audiences.includes('configuration-server')
      for (const audience of isProcess ? client.audiences : [undefined]) {
        const isPulling = audience === 'configuration-server'
        const scopes = client.scopes.filter(scope => (scope === 'config:read') === isPulling)
        const answer = await clientCredentials(clientOf(stack, clientId), {
          scope: scopes.join(' '),
          ...(audience === undefined ? {} : { audience })
        })
        t.match(answer, { access_token: clientId === 'opaque-client' ? /^[\w-]{43}$/ : /^ey/ }, clientId)
      }
    } else {
      t.equal((await exchanged(await edgeToken('customer1'), 'order-service')).status, 200, clientId)
    }
  }
  t.match(
    facts.clients.map(({ clientId }) => clientId),
    [
      'gateway',
      'reference-gateway',
      'order-service',
      'restaurant-service',
      'delivery-service',
      'configuration-server',
      'machine-client',
      'opaque-client',
      'web-app',
      'native-app',
      'assertion-client',
      'mtls-client'
    ]
  )
})

/** Logs customer1 in at the pages as a browser would, and redeems the code. */
async function codeFlow(
  clientId: string,
  redirectUri: string,
  clientSecret: string | undefined
): Promise<Record<string, unknown>> {
  const cookies = new Map<string, string>()
  const verifier = randomBytes(32).toString('base64url')
  const visit = async (url: string, form?: Record<string, string>) => {
    const response = await request(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        cookie: [...cookies].map(pair => pair.join('=')).join('; '),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' })
      },
      body: form === undefined ? null : new URLSearchParams(form).toString(),
      dispatcher: agent
    })
    for (const cookie of [response.headers['set-cookie'] ?? []].flat()) {
      cookies.set(cookie.split('=', 1)[0] ?? '', /=([^;]*)/.exec(cookie)?.[1] ?? '')
    }
    const body = await response.body.text()
    const hidden = Object.fromEntries(
      [...body.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
        name,
        value
      ])
    )
    return {
      location: String(response.headers.location),
      action: new URL(/action="([^"]*)"/.exec(body)?.[1] ?? '/', stack.issuer).href,
      hidden
    }
  }
  const query = {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid orders:read',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256'
  }
  const login = await visit(`${stack.issuer}/oauth2/authorize?${new URLSearchParams(query).toString()}`)
  const consent = await visit(login.action, {
    ...login.hidden,
    username: 'customer1',
    password: stack.users.find(({ username }) => username === 'customer1')?.password ?? ''
  })
  const { location } = await visit(consent.action, { ...consent.hidden, decision: 'allow' })
  return (
    await call(`${stack.issuer}/oauth2/token`, {
      method: 'POST',
      headers: clientSecret === undefined ? {} : basic(clientId, clientSecret),
      form: {
        grant_type: 'authorization_code',
        code: new URL(location).searchParams.get('code') ?? '',
        redirect_uri: redirectUri,
        code_verifier: verifier,
        ...(clientSecret === undefined ? { client_id: clientId } : {})
      }
    })
  ).body
}

t.test('a collector gets one trace: from the gateway through two services to their databases', async t => {
  const SERVER = 2
  const CLIENT = 3
  // The flows have placed orders; the trace is that of one which reached the restaurant and whose root has come.
  const trace = await collector.until(spans => {
    const opened = spans.filter(
      ({ kind, resource }) => kind === SERVER && resource['service.name'] === 'restaurant-service'
    )
    return opened
      .map(({ traceId }) => spans.filter(span => span.traceId === traceId))
      .find(
        ofTrace =>
          ofTrace.some(({ resource, kind }) => kind === SERVER && resource['service.name'] === 'order-service') &&
          ofTrace.some(({ parentSpanId }) => parentSpanId === undefined) &&
          ofTrace.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql').length > 2
      )
  })
  const named = (service: string, kind: number): CollectedSpan[] =>
    trace.filter(span => span.kind === kind && span.resource['service.name'] === service)
  const parentOf = (span: CollectedSpan | undefined): CollectedSpan | undefined =>
    trace.find(({ spanId }) => spanId === span?.parentSpanId)
  const [restaurant] = named('restaurant-service', SERVER)
  const toRestaurant = parentOf(restaurant)
  const order = parentOf(toRestaurant)
  const toOrder = parentOf(order)
  const edge = parentOf(toOrder)

  t.match(toRestaurant, { kind: CLIENT, resource: { 'service.name': 'order-service' } })
  t.match(toRestaurant?.attributes, {
    'http.request.method': /^(GET|POST)$/,
    'server.address': /restaurant/,
    'server.port': Number,
    'http.response.status_code': Number
  })
  t.match(order, { kind: SERVER, name: /^POST \//, resource: { 'service.name': 'order-service' } })
  t.match(toOrder, { kind: CLIENT, name: 'POST', resource: { 'service.name': 'reference-gateway' } })
  t.match(edge, {
    kind: SERVER,
    name: /^POST \//,
    resource: { 'service.name': 'reference-gateway', 'deployment.environment.name': 'test' },
    attributes: { 'http.request.method': 'POST', 'http.response.status_code': 201 }
  })
  t.equal(edge?.parentSpanId, undefined)
  for (const service of ['order-service', 'restaurant-service']) {
    const [statement] = named(service, CLIENT).filter(({ attributes }) => attributes['db.system.name'] !== undefined)
    t.match(statement?.attributes, { 'db.system.name': 'postgresql', 'db.query.text': String, 'db.namespace': String })
  }
  t.ok(
    trace.every(span => span === edge || parentOf(span) !== undefined || span.parentSpanId !== undefined),
    'everything hangs on something'
  )
  t.equal(collector.headers()['x-collector-key'], 'canary-of-the-collector')
})

t.test('P5: no secret reaches the collector', async t => {
  const received = collector.received()
  t.notMatch(received, /canary-of-the-collector|eyJ[\w-]+\.|Bearer /)
  for (const { password } of stack.users) t.notOk(received.includes(password))
})

t.test('P5: every secret is rotated by the commands of the page, no request fails, and none is printed', async t => {
  t.strictSame([...ROTATED_SECTIONS].sort(), commandSections().sort())
  const operations = Object.values((JSON.parse(readFileSync(own.localJson, 'utf8')) as LocalFacts).operations)
  const asked = async (path: string): Promise<string[]> =>
    await Promise.all(operations.map(async url => await (await fetch(`${url}${path}`)).text()))
  // The flows have tried settings that are refused.
  const refusals = async (): Promise<string[]> =>
    (await asked('/info')).map(text => /"refused":\d+/.exec(text)?.[0] ?? 'no answer')
  const refusedBefore = await refusals()
  const load = await startSecretLoad(own, stack)
  const before = own.output().length
  const portBase = Number(new URL(stack.gateway).port)
  const { printed, secrets } = await rotateSecrets(own, { portBase, beforeRemoval: load.logInAgain })
  const answered = { ...load.served }
  for (const kind of ['session', 'exchange', 'configuration'] as const) {
    while (load.served[kind] < answered[kind] + 3 && load.failures.length === 0) await delay(20)
  }
  await load.stop()
  t.strictSame(load.failures, [])
  t.equal(printed.length, 13, 'so many files were replaced')
  t.strictSame(await refusals(), refusedBefore)
  const logged = own.output().slice(before)
  t.equal(logged.split('the settings have changed').length - 1, 13)
  const texts = [logged, ...printed, collector.received(), ...(await asked('/metrics')), ...(await asked('/info'))]
  for (const process of ['auth_server', 'order_service', 'configuration_server', 'reference_gateway']) {
    const { rows } = await queryAsSuperuser(own, 'select * from audit_events', `sallyport_${process}`)
    t.ok(
      rows.some(({ action }) => action === 'settings.change'),
      process
    )
    texts.push(JSON.stringify(rows))
  }
  t.ok(secrets.length > 20)
  const all = texts.join('\n')
  t.strictSame(
    secrets.filter(secret => all.includes(secret)),
    []
  )
})
