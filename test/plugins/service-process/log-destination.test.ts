import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import {
  collectLines,
  createLogDestination,
  type LogOutput
} from '../../../plugins/service-process/src/log-destination.ts'

/** A reader that takes lines only when it is told to. */
function slowReader(): LogOutput & { readonly waiting: string[]; read: () => void; broken: boolean } {
  let callbacks: Array<() => void> = []
  const reader = {
    waiting: [] as string[],
    broken: false,
    write: (text: string, done: () => void) => {
      reader.waiting.push(text)
      callbacks.push(done)
    },
    waitingBytes: () => reader.waiting.join('').length,
    isBroken: () => reader.broken,
    read: () => {
      reader.waiting = []
      for (const done of callbacks) done()
      callbacks = []
    }
  }
  return reader
}

t.test('what a slow reader leaves behind is bounded, and the lines that are missing are counted in a line', async t => {
  const reader = slowReader()
  const log = createLogDestination(reader, 30)
  for (let i = 0; i < 100; i++) log.write('ten bytes\n')
  t.strictSame(reader.waiting, ['ten bytes\n', 'ten bytes\n', 'ten bytes\n'])
  reader.read()
  log.write('again\n')
  const [counted = '', line] = reader.waiting
  t.match(JSON.parse(counted), { level: 'warn', dropped: 97, msg: 'lines are missing: the log is read too slowly' })
  t.equal(line, 'again\n')
})

t.test('a flush waits for the reader, and no longer than it may', async t => {
  const reader = slowReader()
  const log = createLogDestination(reader)
  log.write('line\n')
  const flushed = log.flush(60_000)
  reader.read()
  await t.resolves(flushed)
  log.write('line\n')
  await t.resolves(log.flush(1), 'nobody reads')
  reader.broken = true
  await t.resolves(log.flush(60_000), 'nobody will')
})

t.test('the lines of one turn are one write after it, and a line from warn on is written at once', async t => {
  const reader = slowReader()
  const output = collectLines(reader)
  const log = createLogDestination(output)
  const line = (level: string, msg: string): string => `${JSON.stringify({ level, msg })}\n`
  log.write(line('info', 'one'))
  log.write(line('info', 'two'))
  t.strictSame(reader.waiting, [], 'a request does not wait for its line')
  await nextTurn()
  t.strictSame(reader.waiting, [line('info', 'one') + line('info', 'two')])
  log.write(line('info', 'three'))
  log.write(line('error', 'four'))
  t.strictSame(reader.waiting[1], line('info', 'three') + line('error', 'four'))
  await nextTurn()
  t.equal(reader.waiting.length, 2)
  log.write(line('info', 'five'))
  output.writeCollected()
  t.equal(reader.waiting[2], line('info', 'five'), 'what is left at the exit is written then')
  log.write('x'.repeat(20_000))
  t.equal(reader.waiting.length, 4, 'and much is not collected')
})

t.test('a reader that is gone gets nothing more, and nothing fails', async t => {
  const reader = slowReader()
  const log = createLogDestination(reader)
  reader.broken = true
  log.write('line\n')
  t.strictSame(reader.waiting, [])
})

t.test('a file that takes no more is no error, and the process serves on', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-log-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const code = `
    import { standardLogDestination } from ${JSON.stringify(new URL('../../../plugins/service-process/src/log-destination.ts', import.meta.url).href)}
    for (let i = 0; i < 10; i++) standardLogDestination().write('x'.repeat(100000) + '\\n')
    process.stderr.write('served on')`
  const full = openSync('/dev/full', 'w')
  t.after(() => {
    closeSync(full)
  })
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', full, 'pipe'] })
  let told = ''
  child.stderr?.on('data', data => {
    told += String(data)
  })
  const [exitCode] = await once(child, 'close')
  t.equal(exitCode, 0)
  t.match(told, 'served on')
})
