import Fastify from 'fastify'
import securityContext, { currentPrincipal, problemDetails, requireRouteDeclaration } from '@sallyport/security-context'

const app = Fastify()
await app.register(securityContext)
await app.register(problemDetails)
requireRouteDeclaration(app, 'access')

// Your own authentication fills the slot; @sallyport/authentication does it for tokens, cookies and Basic credentials.
app.addHook('onRequest', async request => {
  request.securityEvents.push({ stage: 'authentication', outcome: 'success', reason: 'demo' })
})
app.get('/whoami', { config: { access: 'public' } }, async () => ({ subject: currentPrincipal()?.subject ?? 'nobody' }))

console.log((await app.inject('/whoami')).body)
await app.close()
