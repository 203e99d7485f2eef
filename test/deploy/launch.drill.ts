import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { allPorts, freePortBase, requireFreePorts } from '@sallyport/local'
import t from 'tap'

const PORT_BASE = await freePortBase()
const directory = mkdtempSync(join(tmpdir(), 'sallyport-launch-'))
// Open to the database's user, so that no copy of the binaries is made.
chmodSync(directory, 0o711)
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

interface Run {
  child: ChildProcess
  output: () => string
  ended: Promise<string>
  ready: Promise<void>
}

function start(): Run {
  const child = fork(
    fileURLToPath(new URL('support/run-launcher.ts', import.meta.url)),
    [directory, String(PORT_BASE)],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--conditions=@sallyport/source'],
      env: { ...process.env, DATABASE_URL: undefined }
    }
  )
  let output = ''
  const ready = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      output += String(chunk)
      if (output.includes('Ctrl-C stops everything')) ready.resolve()
    })
  }
  const ended = once(child, 'exit').then(([code, signal]) => {
    ready.reject(new Error(`ended (${code ?? signal}) before it was ready: ${output}`))
    return String(signal ?? code)
  })
  return { child, output: () => output, ended, ready: ready.promise }
}

async function untilPortsAreFree(): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    try {
      await requireFreePorts(allPorts(PORT_BASE))
      return
    } catch {
      await delay(20)
    }
  }
  throw new Error('ports are still taken')
}

t.test('everything starts, tells its facts, refuses a second launcher, and stops on Ctrl-C', async t => {
  const run = start()
  await run.ready
  const path = join(directory, 'local.json')
  const facts = JSON.parse(readFileSync(path, 'utf8'))
  t.match(facts, {
    gateway: `http://127.0.0.1:${PORT_BASE}`,
    issuer: `https://localhost:${PORT_BASE + 1}`,
    caFile: join(directory, 'certificates', 'ca.pem'),
    operations: { 'order-service': `http://127.0.0.1:${PORT_BASE + 102}` },
    clients: [
      {
        clientId: 'machine-client',
        clientSecret: /^demo-/,
        grantTypes: ['client_credentials'],
        scopes: ['orders:read'],
        audiences: ['sallyport-gateway']
      },
      { clientId: 'native-app', redirectUris: ['http://127.0.0.1/callback'] }
    ]
  })
  t.equal(facts.clients[1].clientSecret, undefined)
  t.equal(facts.users.length, 7)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(run.output().match(/^ {4}curl /gm)?.length, 3)
  for (const url of Object.values(facts.operations)) t.equal((await fetch(`${url as string}/health/ready`)).status, 200)

  const second = start()
  second.ready.catch(() => {})
  t.equal(await second.ended, '1')
  t.match(second.output(), /^launcher: A launcher is already running in .*\n$/)

  run.child.kill('SIGINT')
  t.equal(await run.ended, '0')
  t.notOk(existsSync(path))
  await untilPortsAreFree()
})

t.test(
  'after kill -9 of the launcher nothing is left; the next start works; when one process dies it is named and everything stops',
  async t => {
    const killed = start()
    await killed.ready
    killed.child.kill('SIGKILL')
    await killed.ended
    await untilPortsAreFree()

    const next = start()
    await next.ready
    const pid = (await (await fetch(`http://127.0.0.1:${PORT_BASE + 2}/pid`)).json()) as number
    process.kill(pid, 'SIGKILL')
    t.equal(await next.ended, '1')
    t.match(next.output(), /launcher: order-service ended \(signal SIGKILL\)/)
    await untilPortsAreFree()
  }
)

t.test('a taken port is one clear line', async t => {
  const server = createServer().listen(PORT_BASE + 3, '127.0.0.1')
  await once(server, 'listening')
  const run = start()
  run.ready.catch(() => {})
  t.equal(await run.ended, '1')
  t.match(run.output(), new RegExp(`^launcher: Port ${PORT_BASE + 3} on 127.0.0.1 cannot be used[^\\n]*\\n$`))
  server.close()
})
