import { startTestService } from '@sallyport/local/testing'
import t from 'tap'
import * as sampleItemService from '../src/index.ts'

const SAMPLE_ITEM_ID = '00000000-0000-4000-8000-000000000001'
const CUSTOMER = { sub: 'customer-1', roles: ['CUSTOMER'], scope: 'sample-items:write' }
const WRITE = {
  method: 'PUT',
  url: `/sample-items/${SAMPLE_ITEM_ID}`,
  payload: { content: 'from a test' }
} as const

t.test('PUT /sample-items/:sampleItemId', async t => {
  const { app, issuer, owner, auditRows } = await startTestService(t, sampleItemService)

  await t.test('a customer writes, and the effect has its audit row', async t => {
    t.equal((await issuer.injectAs(app, CUSTOMER, WRITE)).statusCode, 204)
    t.strictSame(await owner('sample_items').pluck('content'), ['from a test'])
    t.match(await auditRows(), [
      {
        action: 'sample-item.write',
        outcome: 'success',
        subject: 'customer-1',
        resource_id: SAMPLE_ITEM_ID
      }
    ])
  })

  await t.test('another role and another scope are refused, with an audit row and no effect', async t => {
    for (const claims of [{ roles: ['COURIER'] }, { scope: 'sample-items:read' }]) {
      const other = { ...CUSTOMER, sub: 'somebody-else', ...claims }
      t.equal((await issuer.injectAs(app, other, WRITE)).statusCode, 403)
    }
    t.strictSame(await owner('sample_items').where({ owner_id: 'somebody-else' }), [])
    const denied = (await auditRows()).filter(({ outcome }) => outcome === 'denied')
    t.strictSame(
      denied.map(({ subject }) => subject),
      ['somebody-else', 'somebody-else']
    )
  })

  await t.test('no token and a token for another service are refused', async t => {
    t.equal((await app.inject(WRITE)).statusCode, 401)
    t.equal((await issuer.injectAs(app, { ...CUSTOMER, aud: 'another' }, WRITE)).statusCode, 401)
  })

  await t.test('a body that does not match is refused', async t => {
    const wrong = { ...WRITE, payload: { content: 'two\nlines' } }
    t.equal((await issuer.injectAs(app, CUSTOMER, wrong)).statusCode, 400)
  })
})
