import t from 'tap'
import { request } from 'undici'
import { startServer, token } from '../support/authorization-server.ts'
import { startEdge, until } from '../support/edge.ts'

const auditNameKey = `names-1:${Buffer.alloc(32, 'n7').toString('base64url')}`
const REJECTED = {
  password: async () => {
    throw Object.assign(new Error('no'), { code: 'SALLYPORT_TOKEN_REJECTED' })
  }
}

t.test(
  'with one name key, the trails of gateway and auth server have one hash for every spelling of a name',
  async t => {
    const { url, db } = await startEdge(t, { settings: { auditNameKey }, tokenClient: REJECTED })
    const body = JSON.stringify({ username: ' Hunter2', password: 'wrong' })
    await request(`${url}/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const basic = `Basic ${Buffer.from('HUNTER2:wrong').toString('base64')}`
    await request(`${url}/orders`, { headers: { authorization: basic } })
    const auth = await startServer(t, { auditNameKey })
    await token(auth.app, 'gateway', { grant_type: 'password', username: 'hunter2', password: 'wrong' })

    const trails = [db, auth.db]
    const names = async (): Promise<unknown[]> =>
      (
        await Promise.all(
          trails.map(async trail => await trail('audit_events').whereNotNull('name_tried').pluck('name_tried'))
        )
      ).flat()
    await until(async () => (await names()).length === 3)
    const [name, ...others] = await names()
    t.match(name, /^hmac-sha256:names-1:[0-9a-f]{64}$/)
    t.same(others, [name, name])
  }
)

t.test('the auth server refuses a name key that is none, and does not show it', async t => {
  await t.rejects(startServer(t, { auditNameKey: `planted-${'a'.repeat(43)}` }), {
    message: /auditNameKey: not id:base64url with 32 bytes$/
  })
})
