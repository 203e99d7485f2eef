import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IssuedCertificate } from '@sallyport/local'
import type { Test } from 'tap'

export { makeAuthority, type Authority, type CertificateRequest, type IssuedCertificate } from '@sallyport/local'

/** Files of a certificate in a folder of the test's own, in the shape that `loadTlsMaterial` takes. */
export function certificateFiles(
  t: Test,
  issued: IssuedCertificate
): { certificatePath: string; privateKeyPath: string; caPath: string } {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-certificate-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const paths = {
    certificatePath: join(directory, 'certificate.pem'),
    privateKeyPath: join(directory, 'private-key.pem'),
    caPath: join(directory, 'ca.pem')
  }
  writeFileSync(paths.certificatePath, issued.certificate)
  writeFileSync(paths.privateKeyPath, issued.privateKey, { mode: 0o600 })
  writeFileSync(paths.caPath, issued.ca)
  return paths
}
