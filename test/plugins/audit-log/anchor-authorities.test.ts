// Whom a process believes about its trail, at an anchor elsewhere.
import { randomBytes } from 'node:crypto'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { auditTrailOptions } from '@sallyport/audit-log'
import t from 'tap'
import { AUDIT_TRAIL_SETTINGS } from '../../support/audit-settings.ts'
import { makeAuthority } from '../../support/certificates.ts'

t.test('an anchor is believed by its certificate alone, of an authority of its own where one is given', async t => {
  const authority = await makeAuthority()
  const { certificate, privateKey } = await authority.issue({ names: ['127.0.0.1', 'localhost'] })
  const kept: string[] = []
  const server = createTlsServer({ cert: certificate, key: privateKey }, (request, response) => {
    request.on('data', (data: Buffer) => kept.push(data.toString()))
    request.on('end', () => response.end(kept.at(-1) ?? ''))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const verification = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.after(() => {
    server.close()
    if (verification === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = verification
  })
  const url = `https://localhost:${(server.address() as AddressInfo).port}/orders`
  const settings = {
    ...AUDIT_TRAIL_SETTINGS,
    auditCheckpointKeys: `k:${randomBytes(32).toString('base64url')}`,
    auditAnchorUrl: url
  }
  const anchorOf = (more: Partial<typeof settings> & { auditAnchorCaPath?: string } = {}) => {
    const { checkpoints } = auditTrailOptions({ ...settings, ...more }, 'orders')
    return checkpoints === false ? undefined : checkpoints.anchors?.[0]
  }
  const auditAnchorCaPath = join(t.testdir({ 'ca.pem': authority.certificate }), 'ca.pem')
  await anchorOf({ auditAnchorCaPath })?.add('a note')
  t.equal(await anchorOf({ auditAnchorCaPath })?.latest(), 'a note')
  // Whoever starts a process so that nothing is verified does not change whom it believes about its trail.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  await t.rejects(anchorOf()?.add('to whom?') ?? Promise.resolve(), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  t.same(kept, ['a note'])
  t.throws(() => anchorOf({ auditAnchorCaPath: '/nowhere.pem' }), { code: 'SALLYPORT_AUDIT_OPTIONS_INVALID' })
})
