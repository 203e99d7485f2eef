// The packages as npm would publish them, in a service of somebody else: packed, unpacked, run without our source
// condition.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../support/packages.ts'

const run = promisify(execFile)
const service = mkdtempSync(join(tmpdir(), 'sallyport-install-'))
t.teardown(() => rmSync(service, { recursive: true }))

/** The program of the root README's "Protect an existing service", without its `listen`. */
function readmeProgram(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, program = ''] = /## Protect an existing service[\s\S]*?```ts[^\n]*\n([\s\S]*?)```/.exec(readme) ?? []
  return program.replace(/^await app\.listen.*$/m, '')
}

/** An issuer with tokens in the shape of Keycloak's, on the address that the program asks. */
const ISSUER = `
import { createServer } from 'node:http'
import { generateKeyPairSync, sign } from 'node:crypto'
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' }] })
const server = createServer(({ url }, response) => {
  const answer = url.includes('/.well-known/') ? JSON.stringify({ issuer, jwks_uri: issuer + '/protocol/openid-connect/certs' }) : jwks
  response.setHeader('content-type', 'application/json').end(answer)
}).listen(0, '127.0.0.1')
await new Promise(resolve => server.once('listening', resolve))
const issuer = \`http://127.0.0.1:\${server.address().port}/realms/food\`
const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url')
function tokenWith (roles) {
  const now = Math.floor(Date.now() / 1000)
  const signed = encode({ alg: 'RS256', typ: 'JWT', kid: 'k1' }) + '.' + encode({
    iss: issuer, aud: 'order-service', sub: 'user-1', azp: 'web', jti: 'j-' + roles, typ: 'Bearer', iat: now, exp: now + 60, scope: 'orders:read', realm_access: { roles }
  })
  return signed + '.' + sign('sha256', Buffer.from(signed), privateKey).toString('base64url')
}
`

const CHECKS = `
const ask = async (url, token) => (await app.inject({ url, headers: token ? { authorization: 'Bearer ' + token } : {} })).statusCode
const seen = [await ask('/orders', tokenWith(['CUSTOMER'])), await ask('/orders'), await ask('/orders', tokenWith(['COURIER'])), await ask('/about')]
await app.close()
server.close()
console.log(JSON.stringify(seen))
`

t.before(async () => {
  await run(join(ROOT, 'node_modules/.bin/tsc'), ['-b', 'plugins/authentication', 'plugins/authorization'], {
    cwd: ROOT
  })
  mkdirSync(join(service, 'node_modules/@sallyport'), { recursive: true })
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '@sallyport' && !name.startsWith('.')) {
      symlinkSync(join(ROOT, 'node_modules', name), join(service, 'node_modules', name))
    }
  }
  for (const name of ['security-context', 'authentication', 'authorization']) {
    const { stdout } = await run(
      'npm',
      ['pack', '--silent', '--workspace', `plugins/${name}`, '--pack-destination', service],
      { cwd: ROOT }
    )
    const folder = join(service, 'node_modules/@sallyport', name)
    mkdirSync(folder)
    await run('tar', [
      '-xzf',
      join(service, stdout.trim().split('\n').at(-1) ?? ''),
      '--strip-components=1',
      '-C',
      folder
    ])
  }
})

t.test('the README’s fifteen lines protect a service with the packed packages alone', async t => {
  const program = readmeProgram()
  t.ok(program.split('\n').filter(line => line.trim() !== '').length <= 16, 'they are about fifteen lines')
  const local = program.replace(/^const issuer = .*$/m, '').replace('logger: true', 'logger: false')
  const imports = local
    .split('\n')
    .filter(line => line.startsWith('import'))
    .join('\n')
  const rest = local
    .split('\n')
    .filter(line => !line.startsWith('import'))
    .join('\n')
  writeFileSync(join(service, 'service.mjs'), `${imports}\n${ISSUER}\n${rest}\n${CHECKS}`)
  const { stdout } = await run(process.execPath, [join(service, 'service.mjs')], { cwd: service })
  t.strictSame(JSON.parse(stdout), [200, 401, 403, 200], 'a proper token, none, one without the role, the public route')
})

t.test('and a route without a declaration does not boot', async t => {
  writeFileSync(
    join(service, 'undeclared.mjs'),
    `
import Fastify from 'fastify'
import securityContext from '@sallyport/security-context'
import authorization from '@sallyport/authorization'
const app = Fastify()
await app.register(securityContext)
await app.register(authorization)
app.get('/forgotten', async () => 'x')
await app.ready().then(() => console.log('booted'), error => console.log(error.message))
`
  )
  const { stdout } = await run(process.execPath, [join(service, 'undeclared.mjs')], { cwd: service })
  t.match(stdout, 'GET /forgotten')
})
