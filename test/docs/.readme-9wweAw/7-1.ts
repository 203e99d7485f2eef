import Fastify from 'fastify'
import securityContext from '@sallyport/security-context'
import secureTransport, { refuseInsecureRuntime, serverOptions } from '@sallyport/secure-transport'

refuseInsecureRuntime(process.env, process.execArgv)
const app = Fastify(serverOptions(null)) // with TLS: serverOptions(serverTls(await loadTlsMaterial(paths)))
await app.register(securityContext)      // or your own decorateRequest('securityEvents')
await app.register(secureTransport, { maxHeaderCount: 50 })
app.get('/', async () => 'hello')

const response = await app.inject('/')
console.log(response.statusCode)
await app.close()
