import type { X509Certificate } from 'node:crypto'
import type { CertificateSubject } from '../../../store/records.ts'

const KINDS: ReadonlyMap<string, CertificateSubject['kind']> = new Map([
  ['DNS', 'dns'],
  ['URI', 'uri']
])

/** One alternative name as node:crypto prints it: a value with anything special in it is a JSON string. */
const ALTERNATIVE_NAME = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y

/**
 * Whether a certificate carries exactly this name. Names are compared as text, a wildcard is not expanded, and a
 * certificate whose names cannot be read has none.
 * @see RFC 8705 §2.1.2
 */
export function hasName(certificate: X509Certificate, { kind, value }: CertificateSubject): boolean {
  if (kind === 'dn') return distinguishedName(certificate.subject) === value
  return alternativeNames(certificate.subjectAltName ?? '').some(name => name.kind === kind && name.value === value)
}

/**
 * The subject with the most specific part first; node:crypto has one part a line, in the other order, escaped as in RFC
 * 4514 §2.4.
 */
function distinguishedName(subject: string | undefined): string {
  return (subject ?? '').split('\n').reverse().join(',')
}

/**
 * CVE-2021-44532: a comma inside a name must not begin another one, so the text is read from end to end or not at all.
 */
function alternativeNames(text: string): CertificateSubject[] {
  const names: CertificateSubject[] = []
  ALTERNATIVE_NAME.lastIndex = 0
  while (ALTERNATIVE_NAME.lastIndex < text.length) {
    const [, type = '', value = ''] = ALTERNATIVE_NAME.exec(text) ?? []
    if (type === '') return []
    const kind = KINDS.get(type)
    if (kind !== undefined) names.push({ kind, value: value.startsWith('"') ? String(JSON.parse(value)) : value })
  }
  return names
}
