export { startPostgres, stopPostgres, type PostgresOptions, type RunningPostgres } from './embedded-postgres.ts'
