export { startPostgres, stopPostgres, type PostgresOptions, type RunningPostgres } from './postgres/index.ts'
export { makeAuthority, restoreAuthority, type Authority, type CertificateRequest, type IssuedCertificate } from './certificates/index.ts'
