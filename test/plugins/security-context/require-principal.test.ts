import securityContext, { requirePrincipal } from '@sallyport/security-context'
import { injectAs, injectedCallers } from '@sallyport/testing'
import Fastify from 'fastify'
import t from 'tap'

t.test('a handler gets its caller, and asking on a route where nobody is known is a mistake of ours', async t => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(injectedCallers)
  app.get('/me', async request => ({ subject: requirePrincipal(request).subject }))
  t.strictSame((await injectAs(app, { subject: 'user-1' }, '/me')).json(), { subject: 'user-1' })
  const response = await app.inject('/me')
  t.equal(response.statusCode, 500)
  t.match(response.json(), { code: 'SALLYPORT_CONTEXT_PRINCIPAL_MISSING', message: 'Internal Server Error' })
})

t.test('in an app without the slot it throws the same, and the cause names the route', async t => {
  const app = Fastify()
  t.after(() => app.close())
  app.get('/bare', async request => requirePrincipal(request))
  let cause: unknown
  app.setErrorHandler(async error => {
    cause = (error as Error).cause
    throw error
  })
  t.equal((await app.inject('/bare')).statusCode, 500)
  t.match(cause, { message: /GET \/bare/ })
})
