import t from 'tap'
import { processesAgain, processesFor } from '../support/runner/groups.ts'

t.test('every test file runs in exactly one process, whoever names it', async t => {
  const files = [
    'test/a/one.test.ts',
    'test/a/two.test.ts',
    'test/a/three.test.ts',
    'test/b/four.test.ts',
    'test/c/five.test.ts'
  ]
  const processes = processesFor(files, [
    { name: 'first', paths: ['test/a/two.test.ts'] },
    { name: 'a', paths: ['test/a'], parts: 2 },
    { name: 'b', paths: ['test/b'] }
  ])
  t.strictSame(processes.flatMap(({ files }) => files).sort(), [...files].sort())
  t.strictSame(
    processes.map(({ name, files }) => [name, files.length]),
    [
      ['first', 1],
      ['a-1', 1],
      ['a-2', 1],
      ['b', 1],
      ['rest', 1]
    ]
  )
})

t.test('a file that runs again, under other conditions, is in its own process without them too', async t => {
  const files = ['test/a/one.test.ts']
  const again = processesAgain(files, [{ name: 'under-a-path', paths: ['test/a'], environment: { PREFIX: '/x' } }])
  t.strictSame(again, [{ name: 'under-a-path', files, environment: { PREFIX: '/x' } }])
  t.strictSame(processesFor(files, [{ name: 'a', paths: ['test/a'] }]), [{ name: 'a', files, environment: {} }])
})

t.test('a group whose files moved away fails the run instead of running nothing', async t => {
  t.throws(() => processesFor(['test/a/one.test.ts'], [{ name: 'b', paths: ['test/b'] }]), {
    message: 'no test is at test/b'
  })
  t.throws(() => processesAgain(['test/a/one.test.ts'], [{ name: 'b', paths: ['test/b'] }]), {
    message: 'no test is at test/b'
  })
  t.throws(() => processesFor(['test/ab/one.test.ts'], [{ name: 'a', paths: ['test/a'] }]), {
    message: 'no test is at test/a'
  })
})
