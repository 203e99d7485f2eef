// What the process entry and the command line say when they cannot work.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { environmentFor, startServerProcess } from './support/server-process.ts'

const COMMAND = fileURLToPath(new URL('../../auth-server/bin/auth.mjs', import.meta.url))
const UNREACHABLE = 'postgres://nobody:hidden-word@127.0.0.1:1/none'

t.test('T-02: a process that would check no certificates does not start', async t => {
  const server = startServerProcess(t, environmentFor(UNREACHABLE, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }))
  t.match(await server.message, { type: 'failed', message: /NODE_TLS_REJECT_UNAUTHORIZED/ })
  t.equal(await server.ended, 1)
})

t.test('P1: of the settings only those that are wrong are named', async t => {
  const server = startServerProcess(t, environmentFor(UNREACHABLE, { PORT: 'eighty', SALLYPORT_COLOUR: 'red' }))
  t.match(await server.message, {
    type: 'failed',
    message: /^The configuration has 2 mistakes:\n.*SALLYPORT_COLOUR.*\n.*port: must be integer.*$/
  })
  t.equal(await server.ended, 1)
  t.notMatch(server.stderr(), 'hidden-word')
})

t.test('a database that cannot be reached is one line on stderr, from the server', async t => {
  const server = startServerProcess(t, environmentFor(UNREACHABLE))
  t.match(await server.message, { type: 'failed', message: 'connect ECONNREFUSED 127.0.0.1:1' })
  t.equal(await server.ended, 1)
  t.equal(server.stderr(), 'auth-server: connect ECONNREFUSED 127.0.0.1:1\n')
  for (const line of server
    .stdout()
    .split('\n')
    .filter(line => line !== '')) {
    t.doesNotThrow(() => JSON.parse(line), line)
  }
})

t.test(
  'a database that cannot be reached is one line on stderr, from the command line, and nothing is where the JSON would be',
  async t => {
    const child = spawn(process.execPath, ['--conditions=@sallyport/source', COMMAND, 'clients', 'list', '--json'], {
      env: environmentFor(UNREACHABLE),
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number]>
    ])
    t.strictSame([code, out, err], [1, '', 'connect ECONNREFUSED 127.0.0.1:1\n'])
  }
)
