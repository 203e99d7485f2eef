import type { FastifyInstance } from 'fastify'
import { StorageUnavailableError } from '../errors.ts'
import { isStorageFailure } from '../store/storage-failure.ts'

const RETRY_AFTER_SECONDS = '1'

/** Makes a database without an answer a 503 with `Retry-After`; everything else goes on to the error handler above. */
export function answerStorageOutage (fastify: FastifyInstance): void {
  fastify.setErrorHandler(function passStorageOutage (error) {
    if (!isStorageFailure(error)) throw error
    throw Object.assign(new StorageUnavailableError(), { cause: error, headers: { 'retry-after': RETRY_AFTER_SECONDS } })
  })
}
