// What `npm start` promises, shown with the real processes.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { allPorts, freePortBase, readStack, startOwnStack, type OwnStack } from '@sallyport/local'
import { CHILD_ENVIRONMENT } from '../support/child-environment.ts'
import { presentBoundTokens } from './support/certificate-bound-token.ts'

const run = promisify(execFile)
const directory = mkdtempSync(join(tmpdir(), 'sallyport-launcher-'))
const portBase = await freePortBase()
const environment = {
  ...process.env,
  ...CHILD_ENVIRONMENT,
  SALLYPORT_AUDIT_VERIFIER_INTERVAL_MS: '500',
  SALLYPORT_AUDIT_CHECKPOINT_INTERVAL_MS: '500'
}
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

const isListening = async (port: number): Promise<boolean> =>
  await new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)
const until = async (holds: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 20))
}
const listening = async (): Promise<number[]> =>
  (await Promise.all(allPorts(portBase).map(async port => ((await isListening(port)) ? [port] : [])))).flat()

/**
 * Process ids of everything that this stack runs, the database included: each names the folder or has it in its
 * environment.
 */
async function processesOf(): Promise<number[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,args='])
  return stdout
    .split('\n')
    .filter(line => line.includes(directory))
    .map(line => Number(line.trim().split(' ')[0]))
}

let orderId: unknown
let first: OwnStack

t.test('the stack gets ready, and the three curl commands work as pasted', async t => {
  first = await startOwnStack({ directory, portBase, environment })
  const commands = first
    .output()
    .split('\n')
    .map(line => line.trim())
    .filter(line => line.startsWith('curl '))
  t.equal(commands.length, 3)
  for (const command of commands) {
    const { stdout } = await run('bash', ['-c', `${command} -sS -o /dev/null -w '%{http_code}'`])
    t.equal(stdout, '200', command.split(' ').at(-1) ?? '')
  }
  const stack = readStack(first.localJson)
  t.match(stack, {
    gateway: `http://127.0.0.1:${portBase}`,
    issuer: `https://localhost:${portBase + 1}`,
    users: [{ username: 'customer1' }]
  })
  t.match(
    stack.clients.find(({ clientId }) => clientId === 'gateway'),
    { clientSecret: /^demo-/, grantTypes: Array, scopes: Array, audiences: Array }
  )
})

t.test('A3: the trail of every process is signed and verified while it runs', async t => {
  for (const [name, operations] of Object.entries(readStack(first.localJson).operations)) {
    const isVerified = async (): Promise<boolean> => {
      const metrics = await (await fetch(`${operations}/metrics`)).text()
      return /^sallyport_audit_verification_problems.* 0$/m.test(metrics)
    }
    await until(isVerified)
    // It is written after it is counted.
    await until(() => existsSync(join(directory, 'audit', name, 'verified')))
    t.pass(`${name} remembers how far it is`)
  }
  const anchor = join(directory, 'audit', 'auth-server', 'checkpoints')
  await until(() => existsSync(anchor))
  t.match(readFileSync(anchor, 'utf8'), 'auth-server.sallyport.internal/audit')
  t.notMatch(first.output(), /the audit trail does not verify|no checkpoint of the audit trail/)
})

t.test('a second launcher in the same folder is one clear line', async t => {
  const launcher = fileURLToPath(new URL('../../deploy/local/src/main.ts', import.meta.url))
  await t.rejects(
    run(process.execPath, [
      '--conditions=@sallyport/source',
      launcher,
      '--directory',
      directory,
      '--port-base',
      String(portBase)
    ]),
    { code: 1, stderr: /^npm start: .+\n$/ }
  )
  t.ok(existsSync(first.localJson), 'and disturbs nothing')
})

t.test('P2: after kill -9 of the launcher no process and no port is left', async t => {
  const stack = readStack(first.localJson)
  const placed = await run('curl', [
    '-sS',
    '-u',
    `customer1:${stack.users[0]?.password ?? ''}`,
    `${stack.gateway}/orders`
  ])
  orderId = (JSON.parse(placed.stdout) as { orders: Array<{ orderId: string }> }).orders[0]?.orderId
  process.kill(first.pid, 'SIGKILL')
  await first.ended
  await until(async () => (await listening()).length === 0)
  await until(async () => (await processesOf()).filter(isAlive).length === 0)
  t.strictSame(await listening(), [])
})

t.test('P2: the next start takes over the folder and finds its data', async t => {
  const second = await startOwnStack({ directory, portBase, environment })
  const stack = readStack(second.localJson)
  const { stdout } = await run('curl', [
    '-sS',
    '-u',
    `customer1:${stack.users[0]?.password ?? ''}`,
    `${stack.gateway}/orders`
  ])
  t.ok((JSON.parse(stdout) as { orders: Array<{ orderId: string }> }).orders.some(order => order.orderId === orderId))

  await t.test('P2: a service that dies is named, and everything stops', async t => {
    const { stdout: table } = await run('ps', ['-eo', 'pid=,ppid=,args='])
    const service = table
      .split('\n')
      .find(
        line => line.includes('delivery-service/src/server.ts') && Number(line.trim().split(/\s+/)[1]) === second.pid
      )
    t.ok(service, 'the process is found')
    process.kill(Number(service?.trim().split(/\s+/)[0]), 'SIGKILL')
    t.not(await second.ended, 0)
    t.match(second.output(), /npm start: delivery-service .*SIGKILL/)
    t.strictSame(await listening(), [])
  })
})

t.test('P2: Ctrl-C stops everything with exit code 0', async t => {
  const third = await startOwnStack({ directory, portBase, environment, args: ['--tls'] })
  const stack = readStack(third.localJson)
  const { stdout } = await run('curl', [
    '-sS',
    '-i',
    '--cacert',
    stack.caFile,
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify({ username: 'customer1', password: stack.users[0]?.password }),
    `${stack.gateway}/login`
  ])
  t.match(stdout, /set-cookie: __Host-sallyport-access=[^;]+;.*Secure/i, 'S-01: over TLS the cookies are host-bound')
  await t.test(
    'a certificate-bound token is worth nothing without its certificate, at the edge or behind it',
    async t => {
      const refused = { status: 401, code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID' }
      for (const [place, answers] of Object.entries(await presentBoundTokens(third))) {
        t.strictSame(answers.withItsCertificate, { status: 200, code: undefined }, place)
        t.strictSame(answers.withoutCertificate, refused, place)
        t.strictSame(answers.withAnother, refused, place)
      }
    }
  )
  process.kill(third.pid, 'SIGINT')
  t.equal(await third.ended, 0)
  t.strictSame(await listening(), [])
  t.strictSame((await processesOf()).filter(isAlive), [])
})

t.test('P1: a taken port, a bad setting and production are refused in one clear line', async t => {
  const refusal = async (environment: NodeJS.ProcessEnv, args: string[] = []): Promise<string> => {
    try {
      const stack = await startOwnStack({ directory, portBase, args, environment: { ...process.env, ...environment } })
      await stack.stop()
      return 'it started'
    } catch (error) {
      return String(error)
        .split('\n')
        .filter(line => line.includes('npm start:'))
        .join('|')
    }
  }
  t.match(await refusal({ NODE_ENV: 'production' }), /^npm start: .*production/i)
  t.match(await refusal({ LOG_LEVEL: 'nonsense' }), /^npm start: /)
  t.match(await refusal({}, ['--no-such-option']), /^npm start: /)
  const { createServer } = await import('node:net')
  const squatter = createServer().listen(portBase + 3, '127.0.0.1')
  await until(() => squatter.listening)
  t.match(await refusal({}), new RegExp(`^npm start: .*${portBase + 3}`))
  squatter.close()
})
