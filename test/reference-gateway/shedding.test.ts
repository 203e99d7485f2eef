import t from 'tap'
import { ALWAYS_OVERLOADED, sheds } from '../support/shedding.ts'
import { startEdge } from '../support/edge.ts'

t.test('the overloaded gateway sheds requests before anybody is authenticated, and answers its operators', async t => {
  const { app, exchanges, events } = await startEdge(t, { settings: ALWAYS_OVERLOADED })
  await sheds(t, app, '/session')
  t.equal((await app.inject({ url: '/orders', headers: { authorization: 'Bearer nonsense' } })).statusCode, 503)
  t.equal(exchanges.length, 0)
  t.notOk(
    events.some(({ reason }) => reason === 'token-malformed'),
    'the token was not looked at'
  )
})
