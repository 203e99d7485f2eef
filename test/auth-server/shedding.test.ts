import t from 'tap'
import { ALWAYS_OVERLOADED, sheds } from '../support/shedding.ts'
import { startServer } from '../support/authorization-server.ts'

t.test('the overloaded authorization server sheds requests, and answers its operators', async t => {
  const { app } = await startServer(t, ALWAYS_OVERLOADED)
  await sheds(t, app, '/oauth2/jwks')
})
