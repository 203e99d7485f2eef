import Fastify, { type FastifyInstance } from 'fastify'
import createError from '@fastify/error'
import t from 'tap'
import { problemDetails } from '@sallyport/security-context'

async function appWith(add: (app: FastifyInstance) => void): Promise<FastifyInstance> {
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  await app.register(problemDetails)
  add(app)
  return app
}

t.test('an error of ours is answered with its code, status, text and headers', async t => {
  const Refused = createError('SALLYPORT_TEST_REFUSED', 'No', 401)
  const app = await appWith(app =>
    app.get('/', async () => {
      throw Object.assign(new Refused(), { headers: { 'www-authenticate': 'Bearer' } })
    })
  )
  const answer = await app.inject('/')
  t.equal(answer.statusCode, 401)
  t.equal(answer.headers['www-authenticate'], 'Bearer')
  t.match(answer.headers['content-type'], 'application/problem+json')
  t.strictSame(answer.json(), { type: 'about:blank', title: 'No', status: 401, code: 'SALLYPORT_TEST_REFUSED' })
})

t.test('an unexpected error tells the caller nothing', async t => {
  const app = await appWith(app =>
    app.get('/', async () => {
      throw new Error('password is hunter2')
    })
  )
  const answer = await app.inject('/')
  t.strictSame(answer.json(), {
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    code: 'SALLYPORT_CONTEXT_INTERNAL'
  })
})

t.test('an invalid request is 400 without the value that was wrong', async t => {
  const schema = { body: { type: 'object', additionalProperties: false, properties: { name: { type: 'string' } } } }
  const app = await appWith(app => app.post('/', { schema }, async () => 'x'))
  const answer = await app.inject({ method: 'POST', url: '/', payload: { name: 5, secret: 'hunter2' } })
  t.equal(answer.statusCode, 400)
  t.equal(answer.json().code, 'SALLYPORT_CONTEXT_REQUEST_INVALID')
  t.notMatch(answer.body, 'hunter2')
})

t.test('Fastify’s own client errors keep their status and code', async t => {
  const app = await appWith(app => app.post('/', { bodyLimit: 4 }, async () => 'x'))
  const answer = await app.inject({ method: 'POST', url: '/', payload: { name: 'too long' } })
  t.match(answer.json(), { status: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' })
})

t.test('an unknown path is 404', async t => {
  const app = await appWith(() => {})
  t.match((await app.inject('/nowhere')).json(), { status: 404, code: 'SALLYPORT_CONTEXT_NOT_FOUND' })
})
