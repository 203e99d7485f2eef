import { fileURLToPath } from 'node:url'
import { superviseProcesses, type ProcessSpec, type Supervisor } from '@sallyport/local'
import t, { type Test } from 'tap'

const spec = (name: string, mode: string): ProcessSpec => ({
  name,
  path: fileURLToPath(new URL('support/child.ts', import.meta.url)),
  environment: { MODE: mode },
  execArgv: []
})

function supervise(t: Test): { supervisor: Supervisor; lines: string[] } {
  const lines: string[] = []
  const supervisor = superviseProcesses(line => {
    lines.push(line)
  })
  t.after(async () => supervisor.stop(100))
  return { supervisor, lines }
}

t.test('processes run beside each other with their output prefixed, and end when asked', async t => {
  const { supervisor, lines } = supervise(t)
  await Promise.all([supervisor.start(spec('one', 'a')), supervisor.start(spec('two', 'b'))])
  await supervisor.stop(5_000)
  t.same(lines.filter(line => line.includes('one line')).sort(), [
    'one                | one line of a',
    'two                | one line of b'
  ])
})

t.test('a process that fails at boot is named with its own reason', async t => {
  const { supervisor } = supervise(t)
  await t.rejects(supervisor.start(spec('order-service', 'fails')), {
    message: 'order-service ended (exit code 1): the setting issuer is missing'
  })
})

t.test('a process that throws at boot is named with the error', async t => {
  const { supervisor } = supervise(t)
  await t.rejects(supervisor.start(spec('order-service', 'throws')), {
    message: /^order-service ended \(exit code 1\): TypeError: a defect/
  })
})

t.test('a process that is killed later is a failure of the whole, named with the signal', async t => {
  const { supervisor } = supervise(t)
  const killed = spec('order-service', 'a')
  await supervisor.start(killed)
  const pid = await childOf(process.pid, 'child.ts')
  process.kill(pid, 'SIGKILL')
  await t.rejects(supervisor.failed, { message: /^order-service ended \(signal SIGKILL\)/ })
})

t.test('a process that does not end when asked is ended after the grace', async t => {
  const { supervisor } = supervise(t)
  await supervisor.start(spec('stubborn', 'stubborn'))
  await supervisor.stop(50)
  t.pass('stopped')
})

/** Process id of a child whose command line has this text. */
async function childOf(parent: number, text: string): Promise<number> {
  const { readdirSync, readFileSync } = await import('node:fs')
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const isChild = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(parent)
      if (isChild && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)) return Number(pid)
    } catch {}
  }
  throw new Error('no such child')
}
