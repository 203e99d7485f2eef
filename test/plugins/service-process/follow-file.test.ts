import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { followFile, type FileReading } from '@sallyport/service-process'
import t from 'tap'

/** A file of the test's own, with events, timers and regular looks that the test triggers. */
function followed(first = 'one') {
  let text = first
  let watching = true
  const seen: string[] = []
  const opened: Array<{ readonly event: () => void; readonly fail: () => void; closed: boolean }> = []
  const timers: Array<() => void> = []
  let regular = async (): Promise<void> => {}
  let looked = async (): Promise<void> => {}
  const { stop } = followFile<string>({
    folder: '/etc/gateway',
    known: first,
    read: async () => ({ fingerprint: text, content: text }),
    changed: async content => {
      seen.push(content)
    },
    watch: (_folder, event, fail) => {
      if (!watching) throw new Error('ENOSPC')
      const watcher = {
        event,
        fail,
        closed: false,
        close: () => {
          watcher.closed = true
        }
      }
      opened.push(watcher)
      return watcher
    },
    startTimer: run => {
      timers.push(run)
      return {
        stop: () => {
          timers.splice(timers.indexOf(run), 1)
        }
      }
    },
    schedule: run => {
      regular = run
      looked = run
      return {
        stop: () => {
          regular = async () => {}
        }
      }
    }
  })
  return {
    seen,
    opened,
    timers,
    stop,
    write: (next: string) => {
      text = next
    },
    watchable: (is: boolean) => {
      watching = is
    },
    /** Ends the wait before a look, and waits for the look. */
    settle: async () => {
      for (const run of timers.splice(0)) run()
      await new Promise(resolve => setImmediate(resolve))
    },
    look: async () => await regular(),
    lookAnyway: async () => await looked()
  }
}

t.test('what a file says is taken when two looks have agreed on it', async t => {
  const file = followed()
  file.write('tw')
  file.opened[0]?.event()
  await file.settle()
  t.same(file.seen, [], 'it may be half written')
  file.write('two')
  await file.settle()
  t.same(file.seen, [])
  await file.settle()
  t.same(file.seen, ['two'])
  await file.settle()
  t.same(file.timers, [], 'and nothing waits')
  await file.stop()
})

t.test('an event that changes nothing does nothing, nor does a change that is taken back', async t => {
  const file = followed()
  file.opened[0]?.event()
  await file.settle()
  file.write('two')
  file.opened[0]?.event()
  await file.settle()
  file.write('one')
  await file.settle()
  t.same(file.seen, [])
  t.same(file.timers, [])
  await file.stop()
})

t.test('events without end do not put a look off', async t => {
  const file = followed()
  file.write('two')
  for (let n = 0; n < 100; n++) file.opened[0]?.event()
  t.equal(file.timers.length, 1)
  await file.settle()
  await file.settle()
  t.same(file.seen, ['two'])
  await file.stop()
})

t.test('a folder that cannot be watched is looked at regularly, and watched again when that is possible', async t => {
  const file = followed()
  file.watchable(false)
  file.opened[0]?.fail()
  t.equal(file.opened[0]?.closed, true)
  file.write('two')
  await file.look()
  await file.settle()
  t.same(file.seen, ['two'])
  t.equal(file.opened.length, 1)
  file.watchable(true)
  await file.look()
  t.equal(file.opened.length, 2)
  await file.stop()
  t.equal(file.opened[1]?.closed, true)
})

t.test('after its end nothing is looked at any more', async t => {
  const file = followed()
  file.write('two')
  file.opened[0]?.event()
  await file.stop()
  t.same(file.timers, [])
  file.opened[0]?.event()
  await file.lookAnyway()
  await file.lookAnyway()
  t.same(file.seen, [])
})

t.test('a real file is followed through a write, an editor that renames, and a swap of symbolic links', async t => {
  const folder = t.testdir({ first: { file: 'one' }, second: { file: 'four' } })
  const place = join(folder, 'mounted')
  mkdirSync(place)
  const path = join(place, 'file')
  writeFileSync(path, 'one')
  // What follows a file does not keep a process alive.
  const alive = setInterval(() => {}, 60_000)
  t.teardown(() => {
    clearInterval(alive)
  })
  const taken: Array<PromiseWithResolvers<string>> = [0, 1, 2].map(() => Promise.withResolvers<string>())
  let at = 0
  const { stop } = followFile<string>({
    folder: place,
    known: 'one',
    read: async () => readOrNothing(path),
    changed: async content => {
      taken[at++]?.resolve(content)
    },
    schedule: () => ({ stop: () => {} })
  })
  writeFileSync(path, 'two')
  t.equal(await taken[0]?.promise, 'two')
  writeFileSync(join(place, 'file.swp'), 'three')
  renameSync(join(place, 'file.swp'), path)
  t.equal(await taken[1]?.promise, 'three')
  // As Kubernetes does it: ..data leads to a folder with everything, and another link takes its place.
  rmSync(path)
  symlinkSync(join(folder, 'second'), join(place, '..data_tmp'))
  symlinkSync('..data/file', path)
  renameSync(join(place, '..data_tmp'), join(place, '..data'))
  t.equal(await taken[2]?.promise, 'four')
  await stop()
})

function readOrNothing(path: string): FileReading<string> {
  try {
    const text = readFileSync(path, 'utf8')
    return { fingerprint: text, content: text }
  } catch {
    // Between two steps of the test the file is away: as if it still said what it said.
    return { fingerprint: 'three', content: 'three' }
  }
}
