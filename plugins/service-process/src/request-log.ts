import type { FastifyBaseLogger, FastifyRequest, FastifyServerOptions } from 'fastify'

type LineLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'
type ChildOptions = Parameters<FastifyBaseLogger['child']>[1]
/** pino tells whether a level is written at all. */
type LevelledLogger = FastifyBaseLogger & { readonly isLevelEnabled: (level: string) => boolean }

/** What every line of a request has beside its id. */
type RequestFields = (request: FastifyRequest) => Readonly<Record<string, unknown>>

/**
 * The log of one request. To make a logger with the ids of its request costs more than most stages do, and most
 * requests write no line but the last: so it is made with the first line. What the lines have is read then.
 */
export class RequestLog implements FastifyBaseLogger {
  readonly #parent: LevelledLogger
  readonly #ids: Readonly<Record<string, unknown>>
  readonly #options: ChildOptions
  #request: FastifyRequest | null = null
  #fields: RequestFields = noFields
  #logger: FastifyBaseLogger | null = null

  constructor(parent: LevelledLogger, ids: Readonly<Record<string, unknown>>, options: ChildOptions) {
    this.#parent = parent
    this.#ids = ids
    this.#options = options
  }

  /** From now on every line has these fields, in place of those that were asked for before. */
  follow(request: FastifyRequest, fields: RequestFields): void {
    this.#request = request
    this.#fields = fields
    this.#logger = null
  }

  /** Writes the one line of a request that had no other, without a logger of its own. */
  writeLine(level: 'info' | 'error', line: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#logger !== null || this.#hasOptions()) this[level](line, message)
    else if (this.#parent.isLevelEnabled(level)) this.#parent[level]({ ...this.#allFields(), ...line }, message)
  }

  fatal(...line: unknown[]): void {
    this.#write('fatal', line)
  }

  error(...line: unknown[]): void {
    this.#write('error', line)
  }

  warn(...line: unknown[]): void {
    this.#write('warn', line)
  }

  info(...line: unknown[]): void {
    this.#write('info', line)
  }

  debug(...line: unknown[]): void {
    this.#write('debug', line)
  }

  trace(...line: unknown[]): void {
    this.#write('trace', line)
  }

  silent(): void {}

  get level(): string {
    return this.#own().level
  }

  set level(level: string) {
    this.#own().level = level
  }

  child(bindings: Record<string, unknown>, options?: ChildOptions): FastifyBaseLogger {
    return this.#own().child(bindings, options)
  }

  isLevelEnabled(level: string): boolean {
    const logger = this.#hasOptions() || this.#logger !== null ? this.#own() : this.#parent
    return 'isLevelEnabled' in logger && (logger as LevelledLogger).isLevelEnabled(level)
  }

  #write(level: LineLevel, line: readonly unknown[]): void {
    if (this.#logger === null && !this.#hasOptions() && !this.#parent.isLevelEnabled(level)) return
    const own = this.#own()
    Reflect.apply(own[level], own, line)
  }

  #own(): FastifyBaseLogger {
    this.#logger ??= this.#parent.child(this.#allFields(), this.#options)
    return this.#logger
  }

  #allFields(): Record<string, unknown> {
    return this.#request === null ? this.#ids : { ...this.#ids, ...this.#fields(this.#request) }
  }

  /** A route may have a level or serializers of its own. */
  #hasOptions(): boolean {
    return this.#options?.level !== undefined || this.#options?.serializers !== undefined
  }
}

const noFields: RequestFields = () => ({})

/** Fastify's option: makes a {@link RequestLog} where the app's log is one of pino's. */
export const requestLogFactory: NonNullable<FastifyServerOptions['childLoggerFactory']> = (parent, ids, options) =>
  isLevelled(parent) ? new RequestLog(parent, ids, options) : parent.child(ids, options)

const isLevelled = (logger: FastifyBaseLogger): logger is LevelledLogger =>
  'isLevelEnabled' in logger && typeof logger.isLevelEnabled === 'function'

/** The log of a request, when it is one of ours. */
export function requestLogOf({ log }: Pick<FastifyRequest, 'log'>): RequestLog | null {
  return log instanceof RequestLog ? log : null
}
