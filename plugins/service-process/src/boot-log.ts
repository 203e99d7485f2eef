import Fastify, { type FastifyBaseLogger } from 'fastify'
import { loggerOptions } from './logger-options.ts'

/** A log in the format of the app's log, for messages from before there is an app. */
export function bootLog(name: string, level: string): FastifyBaseLogger {
  return Fastify({ logger: loggerOptions({ name, level }) }).log
}
