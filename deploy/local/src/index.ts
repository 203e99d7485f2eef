export { startPostgres, stopPostgres, type PostgresOptions, type RunningPostgres } from './postgres/index.ts'
