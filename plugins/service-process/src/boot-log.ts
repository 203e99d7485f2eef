import Fastify, { type FastifyBaseLogger } from 'fastify'
import { loggerOptions } from './logger-options.ts'

/** A log in the form of the app's own, for what a process has to say before it has an app. */
export function bootLog(name: string, level: string): FastifyBaseLogger {
  return Fastify({ logger: loggerOptions({ name, level }) }).log
}
