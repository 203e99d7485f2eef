import t from 'tap'
import { processesFor } from '../support/runner/groups.ts'

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

t.test('a group that runs its files again takes them from nobody', async t => {
  const processes = processesFor(
    ['test/a/one.test.ts'],
    [
      { name: 'under-a-path', paths: ['test/a'], environment: { PREFIX: '/x' }, again: true },
      { name: 'a', paths: ['test/a'] }
    ]
  )
  t.strictSame(
    processes.map(({ name, files, environment }) => [name, files.length, environment]),
    [
      ['under-a-path', 1, { PREFIX: '/x' }],
      ['a', 1, {}]
    ]
  )
})

t.test('a group whose files moved away fails the run instead of running nothing', async t => {
  t.throws(() => processesFor(['test/a/one.test.ts'], [{ name: 'b', paths: ['test/b'] }]), {
    message: 'no test is at test/b'
  })
  t.throws(() => processesFor(['test/ab/one.test.ts'], [{ name: 'a', paths: ['test/a'] }]), {
    message: 'no test is at test/a'
  })
})
