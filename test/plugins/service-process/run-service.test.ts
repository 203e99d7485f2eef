import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { startService } from './support/service-run.ts'

const start = (...args: string[]): ReturnType<typeof startService> => startService(args)

t.test('a service says that it is ready and closes in order on SIGTERM', async t => {
  const { child, message, output, ended } = start()
  const ready = await message('ready')
  t.match(ready, { type: 'ready', name: 'fixture-service', url: /^http:\/\/127\.0\.0\.1:\d+$/ })
  t.equal((await fetch(`${ready.url}/missing`)).status, 404)
  child.kill('SIGTERM')
  t.equal(await ended, '0')
  t.match(output(), /closed in order\nthen released/, 'the app first, then what it worked with')
})

t.test('SIGHUP reads again where there is something to read, and ends the process where there is not', async t => {
  const [good, bad, none] = [start('0', 'reads'), start('0', 'reads-badly'), start()]
  for (const { child, message } of [good, bad]) {
    const { url } = await message('ready')
    child.kill('SIGHUP')
    await message('read')
    t.equal((await fetch(`${url}/`)).status, 200, 'the process goes on')
    child.kill('SIGTERM')
  }
  await none.message('ready')
  none.child.kill('SIGHUP')
  t.strictSame(await Promise.all([good.ended, bad.ended, none.ended]), ['0', '0', '0'])
  t.notMatch(good.output(), 'SIGHUP')
  t.match(bad.output(), /the file is not valid[^]*SIGHUP changed nothing/)
})

t.test('SIGUSR2 makes the log say more, and ends no process, also where nobody listens to it', async t => {
  const [loud, plain] = [start('0', 'levels'), start()]
  for (const { message, child } of [loud, plain]) {
    await message('ready')
    child.kill('SIGUSR2')
  }
  while (!loud.output().includes('the level of the log was changed')) await new Promise(setImmediate)
  t.match(loud.output(), /"from":"info","to":"debug","until":"[^"]+"/)
  for (const { message, child } of [loud, plain]) {
    t.equal((await fetch(`${(await message('ready')).url}/`)).status, 200, 'the process goes on')
    child.kill('SIGTERM')
  }
  t.strictSame(await Promise.all([loud.ended, plain.ended]), ['0', '0'])
})

t.test('a service whose parent is gone closes in order', async t => {
  const { child, message, output, ended } = start()
  await message('ready')
  child.disconnect()
  t.equal(await ended, '0')
  t.match(output(), 'closed in order')
})

t.test(
  'P1: mistakes of the configuration are all told, to the parent and on stderr, and the exit code is 1',
  async t => {
    const { message, output, ended } = start('0', 'mistakes')
    t.match(await message('failed'), {
      type: 'failed',
      name: 'fixture-service',
      message: /issuer: is required[^]*port: must be integer/
    })
    t.equal(await ended, '1')
    t.match(output(), /^fixture-service: The configuration has 2 mistakes:\n/)
    t.notMatch(output(), / {4}at /, 'no stack')
  }
)

t.test('a taken port is one clear line', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const { message, output, ended } = start(String(port))
  t.match(await message('failed'), { type: 'failed', message: `port ${port} on 127.0.0.1 is taken` })
  t.equal(await ended, '1')
  t.match(output(), `fixture-service: port ${port} on 127.0.0.1 is taken\n`)
})

t.test('a defect at boot is told with its stack, a host of which no address answers in one line', async t => {
  const [defect, unreachable] = [start('0', 'defect'), start('0', 'unreachable')]
  t.strictSame(await Promise.all([defect.ended, unreachable.ended]), ['1', '1'])
  t.match(defect.output(), /fixture-service: TypeError: a defect\n {4}at /)
  t.equal(unreachable.output(), 'fixture-service: connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1\n')
})

t.test('P4: an uncaught error is logged, and the process closes in order with exit code 1', async t => {
  const { message, output, ended } = start()
  const { url } = await message('ready')
  await fetch(`${url}/crash`)
  t.equal(await ended, '1')
  t.match(output(), /an uncaught error ends the process[^]*closed in order/)
})

t.test('a close that hangs is cut after its time', async t => {
  const { child, message, ended } = start('0', 'stuck', '0', '50')
  await message('ready')
  child.kill('SIGTERM')
  t.equal(await ended, '1')
})
