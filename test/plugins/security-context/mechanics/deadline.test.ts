import { isLoopback, withDeadline } from '@sallyport/security-context/mechanics'
import t from 'tap'

t.test('work that is done in time gives its result, or its own error', async t => {
  t.equal(await withDeadline(Promise.resolve('done'), 60_000), 'done')
  await t.rejects(withDeadline(Promise.reject(new Error('broken')), 60_000), { message: 'broken' })
})

t.test('work that never ends is given up at the deadline', async t => {
  await t.rejects(withDeadline(new Promise(() => {}), 1), { message: 'no answer within 1 ms' })
})

t.test('only the names and addresses of this machine are loopback', async t => {
  for (const host of ['localhost', '127.0.0.1', '127.8.9.10', '::1', '[::1]']) t.equal(isLoopback(host), true, host)
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '128.0.0.1',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '127.1',
    '[::]',
    '10.0.0.1'
  ]) {
    t.equal(isLoopback(host), false, host)
  }
})
