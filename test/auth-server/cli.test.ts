import { runCommand } from '@sallyport/auth-server'
import t from 'tap'
import { login, refresh, token } from '../support/authorization-server.ts'
import { commandLine } from './support/command-line.ts'

t.test('the command line creates a user with a password from standard input, changes roles and disables', async t => {
  const { app, run } = await commandLine(t)
  t.match(await run('users create operator --password-stdin --roles ADMIN,CUSTOMER --json', 'a secret of one\n'), {
    code: 0
  })
  const logIn = async () =>
    await token(app, 'gateway', { grant_type: 'password', username: 'operator', password: 'a secret of one' })
  t.equal((await logIn()).status, 200)
  t.match((await run('users set-roles OPERATOR --roles COURIER --json')).json(), {
    username: 'operator',
    roles: ['COURIER']
  })
  t.equal((await run('sessions list operator --json')).json().length, 1)
  t.equal((await run('sessions end-all operator --json')).json().ended, 1)
  t.match((await run('users disable operator')).out, /disabled: true/)
  t.equal((await logIn()).status, 400)
  t.match(
    (await run('users list --json')).json().map(({ username }: { username: string }) => username),
    ['admin1', 'customer1', 'customer2', 'operator', 'restaurant1']
  )
  t.equal((await run('users set-password customer1 --password-stdin', 'another password')).code, 0)
  t.equal((await login(app)).status, 400)
})

t.test('the command line creates a client, prints its secret once and rotates it', async t => {
  const { app, run } = await commandLine(t)
  const { secret } = (
    await run(
      'clients create job --grants client_credentials --scopes orders:read --default-audience sallyport-gateway --json'
    )
  ).json()
  t.equal(
    (await token(app, null, { grant_type: 'client_credentials', client_id: 'job', client_secret: secret })).body.scope,
    'orders:read'
  )
  t.notOk((await run('clients list --json')).out.includes(secret))
  const rotated = (await run('secrets rotate job --overlap-seconds 0 --json')).json().secret
  t.equal(
    (await token(app, null, { grant_type: 'client_credentials', client_id: 'job', client_secret: secret })).status,
    401
  )
  t.equal(
    (await token(app, null, { grant_type: 'client_credentials', client_id: 'job', client_secret: rotated })).status,
    200
  )
  t.equal((await run('clients disable job')).code, 0)
})

t.test('the command line registers where a client and its browsers hear of a logout', async t => {
  const { db, run } = await commandLine(t)
  const registered = async (id: string) =>
    await db('clients').where({ id }).first('backchannel_logout_uri', 'post_logout_redirect_uris')
  await run(
    'clients create rp --grants client_credentials --backchannel-logout-uri https://rp.example/out --post-logout-redirect-uris https://rp.example/bye,https://rp.example/'
  )
  t.strictSame(
    { ...(await registered('rp')) },
    {
      backchannel_logout_uri: 'https://rp.example/out',
      post_logout_redirect_uris: ['https://rp.example/bye', 'https://rp.example/']
    }
  )
  t.equal((await run('clients set-logout rp --backchannel-logout-uri none')).code, 0)
  t.strictSame(
    { ...(await registered('rp')) },
    { backchannel_logout_uri: null, post_logout_redirect_uris: ['https://rp.example/bye', 'https://rp.example/'] }
  )
  t.match(await run('clients set-logout rp --backchannel-logout-uri http://rp.example/'), {
    code: 1,
    error: /no back-channel logout URI/
  })
  t.match(await run('clients set-logout nobody'), { code: 1, error: /There is no client nobody/ })
})

t.test('a value or an argument may begin with a hyphen, as one of 64 thumbprints does', async t => {
  const { run } = await commandLine(t)
  t.match(await run('keys sign -a-key'), { code: 1, error: /There is no signing key -a-key/ })
  t.match(await run('keys sign --json -h-key'), { code: 1, error: /There is no signing key -h-key/ })
  const thumbprint = '-'.padEnd(43, 'A')
  const client = `clients create job --grants client_credentials --methods self_signed_tls_client_auth`
  t.match((await run(`${client} --certificate-thumbprints ${thumbprint} --opaque --json`)).json(), {
    certificateThumbprints: [thumbprint]
  })
  for (const [line, error] of [
    [`${client} --certificate-thumbprints --opaque`, /Option '--certificate-thumbprints' argument is ambiguous/],
    [`${client} --certificate-thumbprints`, /argument missing/],
    ['users list -x', /too many/],
    ['users list --x', /Unknown option '--x'/]
  ] as const) {
    t.match(await run(line), { code: 2, error }, line)
  }
})

t.test('the command line refuses an unsafe key step with the reason', async t => {
  const { app, run } = await commandLine(t)
  await login(app)
  const { kid } = (await run('keys publish --json')).json()
  t.match(await run(`keys sign ${String(kid)}`), { code: 1, error: /verifiers may hold a key set/ })
  t.match((await run('keys list --json')).json(), [{ state: 'signing' }, { state: 'published' }])
  t.strictSame((await run('keys advance --json')).json(), { steps: [] })
  t.match((await run('keys emergency')).out, /breaks/)
})

t.test('help is printed, and a wrong call says what is wrong and exits with 2', async t => {
  const { run } = await commandLine(t)
  t.match(await run('help'), { code: 0, out: /users create <username>/ })
  t.match(await run('users create --help'), { code: 0, out: /--password-stdin/ })
  for (const line of ['users --help', 'help users']) {
    t.match(await run(line), { code: 0, out: /^(?![^]*clients create)[^]*users list/ }, line)
  }
  for (const [line, error] of [
    ['users fly', /no command users fly/],
    ['users create', /<username> is missing/],
    ['users create a', /--password-stdin is missing/],
    ['users create a --password secret', /Unknown option '--password'/],
    ['users list --unknown', /unknown/],
    ['users list more', /too many/],
    ['users set-roles customer1', /--roles is missing/],
    ['sessions end xx', /session id is a UUID/],
    ['users', /no command users/],
    ['secrets rotate job --overlap-seconds x', /whole number/]
  ] as const) {
    t.match(await run(line), { code: 2, error }, line)
  }
  t.match(await run('users disable nobody'), { code: 1, error: /There is no user nobody/ })
})

t.test('a database of which no address answers is named with every address', async t => {
  const written = { out: '', error: '' }
  const refused = new AggregateError([
    new Error('connect ECONNREFUSED ::1:1'),
    new Error('connect ECONNREFUSED 127.0.0.1:1')
  ])
  const code = await runCommand(
    ['users', 'list'],
    async () => {
      throw refused
    },
    {
      out: text => {
        written.out += text
      },
      error: text => {
        written.error += text
      },
      readStdin: async () => ''
    }
  )
  t.strictSame([code, written], [1, { out: '', error: 'connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1' }])
})

t.test('after a restore every session and sign-in ends, and one new key is left', async t => {
  const { app, db, run } = await commandLine(t)
  const { refresh_token: token } = (await login(app)).body
  const before: { kid: string }[] = (await run('keys list --json')).json()
  t.match((await run('database after-restore --json')).json(), {
    sessions: 1,
    checkAgain: [/passwords/, /log in/, /keys/]
  })
  t.equal((await refresh(app, token)).status, 400)
  const after: { kid: string }[] = (await run('keys list --json')).json()
  t.equal(after.length, 1)
  t.notOk(before.some(({ kid }) => kid === after[0]?.kid))
  t.same(await db('sessions').distinct('end_reason'), [{ end_reason: 'restored' }])
  t.match((await run('database after-restore --json')).json(), { sessions: 0 })
})
