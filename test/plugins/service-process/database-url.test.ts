import { databaseUrlMistake, connectDatabase } from '@sallyport/service-process'
import t from 'tap'
import { certificateFiles, makeAuthority } from '../../support/certificates.ts'

const HOST = 'postgres://app:hush@db.example/orders'

t.test('a database on this machine may be plain', async t => {
  for (const url of [
    'postgres://app:hush@127.0.0.1/orders',
    'postgres://app:hush@127.0.0.2:5433/orders?sslmode=disable',
    'postgresql://app@localhost/orders',
    'postgres://app@[::1]/orders',
    'postgres://app@%2Fvar%2Frun%2Fpostgresql/orders',
    'postgres:///orders?host=/var/run/postgresql',
    'postgres:///orders'
  ]) {
    t.equal(databaseUrlMistake(url), null, url)
  }
})

t.test('a database on another host is refused without verified TLS, and the password is not told', async t => {
  const { caPath } = certificateFiles(t, await (await makeAuthority()).issue({ names: ['db.example'] }))
  const ca = `sslrootcert=${caPath}`
  for (const parameters of [
    '',
    '?ssl=true',
    '?ssl=1',
    '?ssl=no-verify',
    `?ssl=true&${ca}`,
    '?sslnegotiation=direct',
    '?sslmode=disable',
    '?sslmode=allow',
    '?sslmode=prefer',
    '?sslmode=require',
    '?sslmode=no-verify',
    '?sslmode=verify-ca',
    `?sslmode=disable&${ca}`,
    `?sslmode=prefer&${ca}`,
    `?sslmode=require&${ca}`,
    `?sslmode=no-verify&${ca}`,
    `?sslmode=verify-ca&${ca}`,
    `?uselibpqcompat=true&sslmode=require&${ca}`,
    `?uselibpqcompat=true&sslmode=verify-ca&${ca}`,
    '?uselibpqcompat=true&sslmode=prefer',
    '?sslmode=verify-full',
    `?sslmode=verify-full&sslmode=disable&${ca}`,
    `?sslmode=disable&sslmode=verify-full&${ca}`,
    `?sslmode=VERIFY-FULL&${ca}`,
    `?${ca}`
  ]) {
    t.match(databaseUrlMistake(HOST + parameters), /^reaches db\.example without verified TLS/, parameters)
    t.notMatch(databaseUrlMistake(HOST + parameters), 'hush')
  }
  for (const url of [
    'postgres://app@10.0.0.1/orders',
    'postgres://app@127.0.0.1.example/orders',
    'postgres://app@127.0.0.1/orders?host=db.example'
  ]) {
    t.match(databaseUrlMistake(url), /without verified TLS/, url)
  }
  t.equal(databaseUrlMistake(`${HOST}?sslmode=verify-full&${ca}`), null)
  t.equal(databaseUrlMistake(`${HOST}?${ca}&sslmode=verify-full&uselibpqcompat=true`), null)
  t.match(databaseUrlMistake(`${HOST}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`), /cannot be read/)
  t.match(databaseUrlMistake('postgres://app:hush@db example:x/orders'), /cannot be read/)
})

t.test('variables that the driver reads cannot lead a URL away', async t => {
  t.teardown(() => {
    delete process.env.PGHOST
    delete process.env.PGSSLMODE
  })
  process.env.PGHOST = 'db.example'
  t.match(databaseUrlMistake('postgres:///orders'), /reaches db\.example/)
  t.equal(databaseUrlMistake('postgres://127.0.0.1/orders'), null)
  process.env.PGSSLMODE = 'verify-full'
  t.match(databaseUrlMistake(HOST), /without verified TLS/, 'the URL itself must say it')
})

t.test('no pool is made for a URL that is refused', async t => {
  const settings = { databaseConnections: 2, databaseTimeoutMs: 1000 }
  t.throws(() => connectDatabase({ ...settings, databaseUrl: HOST }), {
    code: 'SALLYPORT_PROCESS_DATABASE_URL_INVALID'
  })
})
