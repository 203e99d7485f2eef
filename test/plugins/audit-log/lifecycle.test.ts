import t from 'tap'
import { auditDatabase, buildApp, deadPool, rowsOf } from './support/audited-app.ts'

t.test('A8: the trail says when a process starts and stops, where that is asked for', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db, lifecycle: true }, () => {})
  t.same(await rowsOf(db), [], 'an app that does not listen is no process')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.match(await rowsOf(db), [{ action: 'process.start', outcome: 'success', detail: { pid: process.pid } }])
  await app.close()
  t.match(
    (await rowsOf(db)).map(({ action }) => action),
    ['process.start', 'process.stop']
  )
  const silent = await buildApp(t, { db }, () => {})
  await silent.listen({ port: 0, host: '127.0.0.1' })
  await silent.close()
  t.equal((await rowsOf(db)).length, 2)
})

t.test('a trail that is away keeps no process from starting and ending', async t => {
  const app = await buildApp(t, { db: deadPool(t), lifecycle: true }, () => {})
  await app.listen({ port: 0, host: '127.0.0.1' })
  await app.close()
})
