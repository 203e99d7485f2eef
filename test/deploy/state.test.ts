import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  allPorts,
  ensureCertificates,
  LauncherError,
  loadSecrets,
  lockStateDirectory,
  openStateDirectory,
  parseOptions,
  PROCESSES,
  requireFreePorts
} from '@sallyport/local'
import t from 'tap'

const DAY_MS = 86_400_000
const folder = (): string => mkdtempSync(join(tmpdir(), 'sallyport-state-'))
const NAMES = { clients: ['gateway'], processes: ['auth-server'], databaseRoles: ['a_owner'] }

t.test('options: defaults, values, and one clear line for each mistake', async t => {
  t.match(parseOptions([]), { portBase: 8080, tls: false, help: false, directory: /\.sallyport$/ })
  t.match(parseOptions(['--port-base', '9000', '--tls']), { portBase: 9000, tls: true, workers: 1 })
  t.equal(parseOptions(['--workers', '2']).workers, 2)
  for (const args of [
    ['--port-base', 'x'],
    ['--port-base', '65500'],
    ['--port-base', '0'],
    ['--port-base'],
    ['--nonsense'],
    ['word']
  ]) {
    t.throws(() => parseOptions(args), LauncherError, args.join(' '))
    t.throws(() => parseOptions(args), { message: /^[^\n]+$/ })
  }
})

t.test('a folder has one launcher at a time; the lock of one that is gone is taken over', async t => {
  const directory = folder()
  const release = lockStateDirectory(directory)
  t.throws(() => lockStateDirectory(directory), {
    message: new RegExp(`already running in ${directory} \\(process ${process.pid}\\)`)
  })
  release()
  lockStateDirectory(directory)()
  writeFileSync(join(directory, 'launcher.lock'), `${process.pid} 12\n`)
  lockStateDirectory(directory)()
  writeFileSync(join(directory, 'launcher.lock'), '')
  lockStateDirectory(directory)()
})

t.test('a folder that cannot be written is one clear line', async t => {
  const file = join(folder(), 'file')
  writeFileSync(file, '')
  t.throws(() => openStateDirectory(join(file, 'below')), {
    name: 'LauncherError',
    message: /cannot be written \(ENOTDIR\)/
  })
  t.throws(
    () => openStateDirectory('/proc/x/y'),
    { name: 'LauncherError', message: /\/proc\/x\/y cannot be written \(ENOENT\)/ },
    'and not an endless attempt'
  )
})

t.test('secrets are made once, marked as demo, kept, added to, and readable by this user only', async t => {
  const directory = folder()
  const first = loadSecrets(directory, NAMES)
  t.match(first.users.customer1, { subject: /^[0-9a-f-]{36}$/, password: /^demo-/, roles: ['CUSTOMER'] })
  t.match(first.clients.gateway, /^demo-[\w-]{43}$/)
  t.match(first.sealingKeys['auth-server'], /^demo-[0-9a-f]{8}:[\w-]{43}$/)
  t.match(first.auditNameKey, /^demo-[0-9a-f]{8}:[\w-]{43}$/)
  t.match(first.passwordPeppers, /^demo-[0-9a-f]{8}:[\w-]{43}$/)
  t.equal(statSync(join(directory, 'secrets.json')).mode & 0o777, 0o600)
  const second = loadSecrets(directory, {
    ...NAMES,
    clients: ['gateway', 'machine-client'],
    databaseRoles: ['b_owner']
  })
  t.equal(second.clients.gateway, first.clients.gateway)
  t.match(second.clients['machine-client'], /^demo-/)
  t.same(second.users, first.users)
  t.equal(second.auditNameKey, first.auditNameKey)
  t.equal(
    second.databaseRoles.a_owner,
    first.databaseRoles.a_owner,
    'the password of a database that is not used now is kept'
  )
  t.not(loadSecrets(folder(), NAMES).clients.gateway, first.clients.gateway)
  writeFileSync(join(directory, 'secrets.json'), '{')
  t.throws(() => loadSecrets(directory, NAMES), { name: 'LauncherError', message: /is damaged/ })
})

t.test(
  'certificates are kept, renewed near their end, made anew under another authority, and refused in production',
  async t => {
    const directory = folder()
    const first = await ensureCertificates(directory, PROCESSES, undefined)
    const pemOf = (name: string): string => readFileSync(join(directory, name), 'utf8')
    t.equal(
      new X509Certificate(pemOf('auth-server.pem')).subjectAltName,
      'DNS:auth-server.sallyport.internal, DNS:localhost, IP Address:127.0.0.1, URI:spiffe://sallyport.local/auth-server'
    )
    t.equal(
      new X509Certificate(pemOf('order-service.pem')).subjectAltName,
      'DNS:order-service.sallyport.internal, URI:spiffe://sallyport.local/order-service'
    )
    t.equal(statSync(first.get('order-service')!.privateKeyPath).mode & 0o777, 0o600)
    t.equal(statSync(join(directory, 'ca-key.pem')).mode & 0o777, 0o600)
    const kept = pemOf('order-service.pem')
    const ca = pemOf('ca.pem')
    await ensureCertificates(directory, PROCESSES, 'development')
    t.equal(pemOf('order-service.pem'), kept)
    await ensureCertificates(directory, PROCESSES, undefined, Date.now() + 61 * DAY_MS)
    t.not(pemOf('order-service.pem'), kept)
    t.equal(pemOf('ca.pem'), ca)
    await ensureCertificates(directory, PROCESSES, undefined, Date.now() + 3640 * DAY_MS)
    t.not(pemOf('ca.pem'), ca)
    t.ok(new X509Certificate(pemOf('order-service.pem')).verify(new X509Certificate(pemOf('ca.pem')).publicKey))
    await t.rejects(ensureCertificates(directory, PROCESSES, 'production'), {
      name: 'LauncherError',
      message: /NODE_ENV is production/
    })
  }
)

t.test('taken ports are named in one line', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
  })
  const { port } = server.address() as AddressInfo
  await t.rejects(requireFreePorts([port]), {
    name: 'LauncherError',
    message: new RegExp(`^Port ${port} on 127.0.0.1 cannot be used`)
  })
  await requireFreePorts([])
  t.same(
    allPorts(8080).toSorted((a, b) => a - b),
    [8080, 8081, 8082, 8083, 8084, 8085, 8091, 8180, 8181, 8182, 8183, 8184, 8185]
  )
})
