import { admin } from '@sallyport/auth-server'
import t from 'tap'
import { administration } from '../support/administration.ts'
import {
  exchange,
  FACTS,
  login,
  post,
  refresh,
  secretOf,
  startServer,
  token,
  type TokenAnswer
} from '../support/authorization-server.ts'
import { authorized, authorizeUrl, browser, pkce, requestOf, WEB_APP } from '../support/browser.ts'

t.test('O-15: a dump of the database holds no token, secret or password that was ever issued or used', async t => {
  const { app, db } = await startServer(t)
  const first = (await login(app)).body
  const second = (await refresh(app, first.refresh_token)).body
  const third = (await refresh(app, second.refresh_token)).body
  const opaque = (await token(app, 'opaque-client', { grant_type: 'client_credentials' })).body
  const exchanged = (await exchange(app, third.access_token, 'order-service')).body
  const { secret: rotated } = await admin.rotateSecret(administration(db), 'machine-client', 60)
  const user = browser(app)
  const { challenge, verifier } = pkce()
  const pushed = (await post(app, '/oauth2/par', 'web-app', requestOf(challenge) as Record<string, string>))
    .body as unknown as { request_uri: string }
  const unused = (await authorized(user, authorizeUrl(requestOf(challenge)))).answer.code
  const used = (await authorized(user, authorizeUrl(requestOf(challenge, { scope: 'openid orders:read' })))).answer.code
  const flow = (
    await token(app, 'web-app', {
      grant_type: 'authorization_code',
      code: used ?? '',
      redirect_uri: WEB_APP.redirect_uri,
      code_verifier: verifier
    })
  ).body as TokenAnswer & { id_token: string }
  const issued = [
    unused,
    used,
    verifier,
    pushed.request_uri.split(':').at(-1),
    ...user.cookies.values(),
    flow.access_token,
    flow.refresh_token,
    flow.id_token,
    first.access_token,
    first.refresh_token,
    second.refresh_token,
    third.refresh_token,
    opaque.access_token,
    exchanged.access_token,
    rotated,
    secretOf('gateway'),
    FACTS.users.customer1.password
  ]
  const dump = await dumpOf(db)
  t.ok(dump.includes('customer1') && dump.length > 5000, 'the dump is one')
  for (const value of issued) {
    t.ok((value ?? '').length >= 16, 'there is one to look for')
    for (const form of formsOf(value ?? '')) t.notOk(dump.includes(form), 'not in the dump in any encoding')
  }
  await db('users')
    .where({ username: 'customer2' })
    .update({ password_hash: String(first.refresh_token) })
  t.ok((await dumpOf(db)).includes(String(first.refresh_token)), 'the search finds one that is there')
})

/** A value as text, and as bytes in the encodings in which a dump could show it. */
function formsOf(value: string): string[] {
  const bytes = [Buffer.from(value), Buffer.from(value, 'base64url')]
  return [
    value,
    ...bytes
      .filter(({ length }) => length >= 16)
      .flatMap(form => [form.toString('hex'), form.toString('base64'), form.toString('base64url')])
  ]
}

/** Every row of every table as text; bytea as hexadecimal. */
async function dumpOf(db: Parameters<typeof administration>[0]): Promise<string> {
  const { rows: tables } = await db.raw("select tablename from pg_tables where schemaname = 'public'")
  let dump = ''
  for (const { tablename } of tables as Array<{ tablename: string }>) {
    const { rows } = await db.raw('select row_to_json(t)::text as line from ?? t', [tablename])
    dump += (rows as Array<{ line: string }>).map(({ line }) => line).join('\n')
  }
  return dump
}
