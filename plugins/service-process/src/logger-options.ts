import { clientRequestId } from '@sallyport/security-context'
import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import { standardLogDestination } from './log-destination.ts'
import { loggedAddress, type LoggedAddresses } from './logged-addresses.ts'
import { boundText } from './redact-text.ts'
import { redactLine } from './redact.ts'

/** Fastify's options of its built-in logger. */
type LoggerSettings = Exclude<NonNullable<FastifyServerOptions['logger']>, boolean>

/** Options of {@link loggerOptions}. */
export interface LoggerOptions {
  /** Name of the process, in every line. */
  readonly name: string
  /** `fatal` `error` `warn` `info` `debug` `trace` or `silent`. */
  readonly level: string
  /**
   * What the lines have of the addresses of callers.
   * @default 'network'
   */
  readonly addresses?: LoggedAddresses
  /** Adds fields to every line, usually `trace_id` and `span_id`: `traceIds` of {@link Tracing}. */
  readonly traceIds?: () => Readonly<Record<string, string>>
}

/**
 * Options for `Fastify({ logger })`: JSON lines with name, level and trace ids. Secrets are hidden in the finished
 * line: authorization and cookie headers, passwords, tokens in fields, messages, errors and URLs; and so are
 * user agents and forwarded addresses.
 */
export function loggerOptions(options: LoggerOptions): LoggerSettings {
  const { name, level, addresses = 'network', traceIds } = options
  const remoteAddress = (address: unknown): string | undefined => loggedAddress(address, addresses)
  return {
    name,
    level,
    formatters: { level: label => ({ level: label }) },
    serializers: {
      req: (request: FastifyRequest) => requestFields(request, remoteAddress(request.ip)),
      // Of every line, whoever writes it.
      remoteAddress,
      res: (reply: Pick<FastifyReply, 'statusCode'>) => ({ statusCode: reply.statusCode })
    },
    hooks: { streamWrite: redactLine },
    stream: standardLogDestination(),
    ...(traceIds !== undefined && { mixin: () => ({ ...traceIds() }) })
  }
}

function requestFields(request: FastifyRequest, remoteAddress?: string): Readonly<Record<string, string>> {
  const named = clientRequestId(request)
  return {
    method: request.method,
    url: boundText(request.url),
    ...(remoteAddress !== undefined && { remoteAddress }),
    ...(named !== null && { clientRequestId: named })
  }
}
