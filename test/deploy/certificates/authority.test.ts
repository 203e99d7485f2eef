import { X509Certificate, createPrivateKey } from 'node:crypto'
import t from 'tap'
import { restoreAuthority } from '@sallyport/local'
import { makeAuthority } from '../../support/certificates.ts'

t.test('an issued certificate carries its names, its URI and both usages, and its issuer vouches for it', async t => {
  const authority = await makeAuthority({ name: 'Test CA' })
  const issued = await authority.issue({
    names: ['order-service.sallyport.internal', '127.0.0.1'],
    uris: ['spiffe://sallyport.local/order-service']
  })
  const certificate = new X509Certificate(issued.certificate)
  const issuer = new X509Certificate(issued.ca)
  t.equal(
    certificate.subjectAltName,
    'DNS:order-service.sallyport.internal, IP Address:127.0.0.1, URI:spiffe://sallyport.local/order-service'
  )
  t.same(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  t.ok(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
  t.notOk(certificate.ca)
  t.ok(issuer.ca)
  t.ok(certificate.checkPrivateKey(createPrivateKey(issued.privateKey)))
})

t.test('an authority read back from its files issues certificates under the same certificate', async t => {
  const authority = await makeAuthority()
  const restored = await restoreAuthority(authority)
  const issued = await restored.issue({ names: ['localhost'], usages: ['client'] })
  t.equal(issued.ca, authority.certificate)
  t.ok(new X509Certificate(issued.certificate).verify(new X509Certificate(authority.certificate).publicKey))
  t.same(new X509Certificate(issued.certificate).keyUsage, ['1.3.6.1.5.5.7.3.2'])
})

t.test('validity is what was asked for', async t => {
  const authority = await makeAuthority()
  const issued = await authority.issue({
    names: ['localhost'],
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2020-02-01')
  })
  t.equal(new X509Certificate(issued.certificate).validTo, 'Feb  1 00:00:00 2020 GMT')
})
