import { frozenTimers } from '@sallyport/testing'
import t from 'tap'
import { createLogLevels, SIGNALLED_LEVEL_MS } from '../../../plugins/service-process/src/operator/log-levels.ts'

function levels(level = 'info') {
  const timers = frozenTimers(0)
  const lines: object[] = []
  const log = { level, warn: (detail: object) => lines.push({ at: log.level, ...detail }) }
  return { log, lines, timers, levels: createLogLevels({ log, clock: () => 0, timer: timers.startTimer }) }
}

t.test('a level lasts for the time that is given, and then the usual one is back', async t => {
  const { log, timers, lines, levels: own } = levels()
  own.set('debug', 60_000)
  t.strictSame(own.state(), { level: 'debug', usual: 'info', untilMs: 60_000 })
  await timers.advance(59_999)
  t.equal(log.level, 'debug')
  await timers.advance(1)
  t.strictSame(own.state(), { level: 'info', usual: 'info', untilMs: null })
  t.match(lines, [
    { from: 'info', to: 'debug', until: '1970-01-01T00:01:00.000Z' },
    { from: 'debug', to: 'info', until: null }
  ])
})

t.test('without a time a level lasts, and a later change takes back what an earlier one would restore', async t => {
  const { log, timers, levels: own } = levels()
  own.set('trace', 1000)
  own.set('warn', null)
  await timers.advance(5000)
  t.equal(log.level, 'warn')
  t.equal(timers.waiting(), 0)
  own.set('info', 1000)
  t.strictSame(own.state(), { level: 'info', usual: 'info', untilMs: null }, 'the usual one needs no time')
})

t.test('each signal goes one step towards trace and then back, and a quarter of an hour ends it', async t => {
  const { log, timers, levels: own } = levels()
  const seen = [1, 2, 3].map(() => {
    own.cycle()
    return log.level
  })
  t.strictSame(seen, ['debug', 'trace', 'info'])
  own.cycle()
  await timers.advance(SIGNALLED_LEVEL_MS)
  t.equal(log.level, 'info')
  own.stop()
  t.equal(timers.waiting(), 0)
})

t.test('new settings change the usual level, and wait for the end of another one', async t => {
  const { log, timers, levels: own } = levels()
  own.setUsual('warn')
  t.equal(log.level, 'warn')
  own.set('debug', 1000)
  own.setUsual('error')
  t.equal(log.level, 'debug')
  await timers.advance(1000)
  t.equal(log.level, 'error')
})

t.test('a change to a quieter level is said before it is quiet', async t => {
  const { lines, levels: own } = levels()
  own.set('fatal', null)
  t.match(lines, [{ at: 'info', to: 'fatal' }])
})
