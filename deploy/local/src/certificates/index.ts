export {
  makeAuthority,
  restoreAuthority,
  type Authority,
  type CertificateRequest,
  type IssuedCertificate
} from './authority.ts'
