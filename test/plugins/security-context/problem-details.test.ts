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
  t.strictSame(answer.json(), {
    type: 'about:blank',
    title: 'No',
    status: 401,
    code: 'SALLYPORT_TEST_REFUSED',
    requestId: 'req-1'
  })
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
    code: 'SALLYPORT_CONTEXT_INTERNAL',
    requestId: 'req-1'
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

t.test('a validation problem says which field is wrong and what it should be, and never what was sent', async t => {
  const line = { type: 'object', required: ['quantity'], properties: { quantity: { type: 'integer', maximum: 9 } } }
  const body = {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: { type: 'string', pattern: '^[a-z]+$' },
      lines: { type: 'array', items: line },
      'a/b~c d': line
    }
  }
  const querystring = { type: 'object', properties: { limit: { type: 'string', pattern: '^[0-9]+$' } } }
  const params = { type: 'object', properties: { id: { type: 'string', maxLength: 3 } } }
  const headers = { type: 'object', properties: { 'x-mode': { type: 'string', enum: ['fast'] } } }
  const app = await appWith(app =>
    app.post('/:id', { schema: { body, querystring, params, headers } }, async () => 'x')
  )
  const secret = 'Hunter2'
  const refused = async (more: { url?: string; payload?: object; headers?: Record<string, string> }) => {
    const answer = await app.inject({ method: 'POST', url: '/1', payload: { name: 'a' }, ...more })
    t.match(answer.json(), { status: 400, code: 'SALLYPORT_CONTEXT_REQUEST_INVALID' })
    t.notMatch(answer.body, secret)
    return answer.json().errors
  }
  t.strictSame(await refused({ payload: { name: secret } }), [
    { pointer: '#/name', detail: 'must match pattern "^[a-z]+$"' }
  ])
  t.strictSame(await refused({ payload: {} }), [{ pointer: '#/name', detail: "must have required property 'name'" }])
  t.strictSame(await refused({ payload: { name: 'a', price: secret } }), [
    { pointer: '#/price', detail: 'must NOT have additional properties' }
  ])
  t.strictSame(await refused({ payload: { name: 'a', lines: [{ quantity: 1 }, { quantity: secret }] } }), [
    { pointer: '#/lines/1/quantity', detail: 'must be integer' }
  ])
  t.strictSame(await refused({ payload: { name: 'a', 'a/b~c d': { quantity: 10 } } }), [
    { pointer: '#/a~1b~0c%20d/quantity', detail: 'must be <= 9' }
  ])
  t.strictSame(await refused({ payload: { name: 'a', ['x'.repeat(300)]: 1 } }), [
    { pointer: '#', detail: 'must NOT have additional properties' }
  ])
  t.match(await refused({ url: `/1?limit=${secret}` }), [{ pointer: '#/limit', in: 'query' }])
  t.match(await refused({ url: `/${secret}` }), [{ pointer: '#/id', in: 'path' }])
  t.match(await refused({ headers: { 'x-mode': secret } }), [{ pointer: '#/x-mode', in: 'header' }])
})

t.test('what another schema compiler says about a value is not passed on', async t => {
  const app = await appWith(app => {
    app.setValidatorCompiler(() => value => ({
      error: Object.assign(new Error('custom'), {
        validation: [{ keyword: 'custom', instancePath: '/name', schemaPath: '', params: {}, message: String(value) }]
      })
    }))
    app.post('/', { schema: { body: { type: 'object' } } }, async () => 'x')
  })
  const answer = await app.inject({ method: 'POST', url: '/', payload: { name: 'hunter2' } })
  t.equal(answer.statusCode, 400)
  t.notMatch(answer.body, /hunter2|object Object/)
})

t.test('an error of the app without a code keeps its status and title and gets no code of ours', async t => {
  const app = await appWith(app => {
    app.get('/sold-out', async () => {
      throw Object.assign(new Error('Sold out'), { statusCode: 409 })
    })
    app.get('/coded', async () => {
      throw Object.assign(new Error('Sold out'), { statusCode: 409, code: 'SHOP_SOLD_OUT' })
    })
    app.get('/closed', async () => {
      throw Object.assign(new Error('db-7 is down'), { statusCode: 503 })
    })
  })
  t.strictSame((await app.inject('/sold-out')).json(), {
    type: 'about:blank',
    title: 'Sold out',
    status: 409,
    requestId: 'req-1'
  })
  t.match((await app.inject('/coded')).json(), { title: 'Sold out', status: 409, code: 'SHOP_SOLD_OUT' })
  t.strictSame((await app.inject('/closed')).json(), {
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    requestId: 'req-3'
  })
})
