/* eslint-disable no-template-curly-in-string -- references look like the templates of JavaScript */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import Value from 'typebox/value'
import {
  GATEWAY_PAGE_PATH,
  GATEWAY_SCHEMA_PATH,
  publishedGatewaySchema,
  withGatewayMembers
} from '../../../support/gateway-schema-file.ts'
import { ROOT } from '../../../support/packages.ts'

const published = readFileSync(join(ROOT, GATEWAY_SCHEMA_PATH), 'utf8')

t.test('the published JSON Schema is that of the reader (npm run schema)', async t => {
  t.equal(published, publishedGatewaySchema())
})

t.test('the page lists every member as the reader knows it (npm run schema)', async t => {
  const page = readFileSync(join(ROOT, GATEWAY_PAGE_PATH), 'utf8')
  t.equal(withGatewayMembers(page), page)
  t.match(page, '| `routes[].access` | `public`, `authenticated` or object, required |')
})

t.test('every member of the published schema says what it is', async t => {
  const undescribed: string[] = []
  const open: Array<readonly [string, unknown]> = [['', JSON.parse(published)]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, node] = next
    if (typeof node !== 'object' || node === null) continue
    if ('properties' in node && typeof node.properties === 'object' && node.properties !== null) {
      for (const [name, member] of Object.entries(node.properties)) {
        if (typeof member.description !== 'string') undescribed.push(`${path}/${name}`)
      }
    }
    for (const [name, member] of Object.entries(node)) open.push([`${path}/${name}`, member])
  }
  t.same(undescribed, [])
})

t.test('an editor accepts references and refuses unknown members', async t => {
  const schema: object = JSON.parse(published)
  const upstreams = { orders: { origin: '${ORDERS}', tls: { ca: 'file:ca.pem' } } }
  const route = { path: '/orders/*', upstream: 'orders', forward: { audience: '${A}' }, access: { roles: ['A'] } }
  t.ok(Value.Check(schema, { upstreams, routes: [route] }))
  t.notOk(Value.Check(schema, { upstreams, routes: [{ ...route, acess: 'public' }] }))
  t.notOk(Value.Check(schema, { upstreams, routes: [{ ...route, access: 'everybody' }] }))
  t.notOk(Value.Check(schema, { upstreams: { 'a b': upstreams.orders }, routes: [] }))
})
