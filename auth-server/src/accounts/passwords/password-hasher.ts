import { hash as argon2Hash, parseOptions, verify as argon2Verify } from '@node-rs/argon2'
import { startTimer, type StartTimer } from '@sallyport/security-context/mechanics'
import { PasswordQueueFullError } from '../../errors.ts'
import { boundedQueue, type QueueCounts } from './bounded-queue.ts'
import { parsePepperRing, type PepperRing } from './pepper-ring.ts'
import { parseStoredHash, storedHashOf } from './stored-hash.ts'

/** Cost of one hash. @see RFC 9106 §4 */
export interface PasswordParameters {
  readonly memoryKibibytes: number
  readonly iterations: number
  readonly lanes: number
}

/**
 * 19 MiB, two iterations, one lane: the lowest setting that OWASP's password storage cheat sheet recommends for
 * argon2id.
 */
export const DEFAULT_PASSWORD_PARAMETERS: PasswordParameters = { memoryKibibytes: 19_456, iterations: 2, lanes: 1 }

/** The hash function itself, exchangeable so that tests can count its runs. */
export interface PasswordHashFunction {
  hash: (password: string, parameters: PasswordParameters, pepper: Buffer | null) => Promise<string>
  verify: (stored: string, password: string, pepper: Buffer | null) => Promise<boolean>
}

/** Steps around one hash; the next hash of the queue does not begin before they end. */
export interface PasswordTurn {
  /** What it throws is thrown, and nothing is hashed. */
  readonly before: () => Promise<void>
  readonly after: (matches: boolean) => Promise<void>
}

/** Hashes and checks passwords off the event loop, a few at a time. */
export interface PasswordHasher {
  /** @throws {PasswordQueueFullError} `SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL` */
  hash: (password: string) => Promise<string>
  /**
   * Whether the password belongs to the stored hash. Without one (the user does not exist) the same work is done.
   * @param turn what runs while this hash has its turn
   * @throws {PasswordQueueFullError} `SALLYPORT_AUTH_SERVER_PASSWORD_QUEUE_FULL`
   */
  verify: (stored: string | null, password: string, turn?: PasswordTurn) => Promise<boolean>
  /** Whether the stored hash was made with other parameters or another pepper than today's. */
  isOutdated: (stored: string) => boolean
  /** Hashes that run and wait now, and those that were refused since the start. */
  readonly counts: () => QueueCounts
  /** Hashes that may wait. */
  readonly queueLength: number
}

/** Options of {@link createPasswordHasher}. */
export interface PasswordHasherOptions {
  readonly parameters?: PasswordParameters
  /** Hashes that run at a time; each occupies a thread of the pool. */
  readonly concurrency: number
  /** Hashes that may wait. */
  readonly queueLength: number
  /** How long one may wait, in ms: a database that does not answer holds up those before it. Default: 5000. */
  readonly queueTimeoutMs?: number
  readonly timer?: StartTimer
  /** Keys that are not in the database: without them, a dump alone does not let passwords be guessed. Default: none. */
  readonly peppers?: PepperRing
  /** Called for a stored hash whose pepper is not in the ring: its password is refused. */
  readonly onUnknownPepper?: (pepperId: string) => void
  readonly hashFunction?: PasswordHashFunction
}

/** Argon2id by `@node-rs/argon2`, whose default algorithm it is. */
export const argon2id: PasswordHashFunction = {
  hash: async (password, parameters, pepper) =>
    await argon2Hash(password, {
      memoryCost: parameters.memoryKibibytes,
      timeCost: parameters.iterations,
      parallelism: parameters.lanes,
      ...(pepper === null ? {} : { secret: pepper })
    }),
  verify: async (stored, password, pepper) =>
    await argon2Verify(stored, password, pepper === null ? {} : { secret: pepper })
}

const QUEUE_TIMEOUT_MS = 5000

/** A password that nobody can have: it is longer than any request body. */
const UNUSABLE_PASSWORD = '-'.repeat(1 << 17)

/** One run of the hash function; a run that does not count is there so that every check is the same work. */
interface Trial {
  readonly encoded: string
  readonly pepper: Buffer | null
  readonly counts: boolean
}

/** @see RFC 9106 */
export function createPasswordHasher(options: PasswordHasherOptions): PasswordHasher {
  const { parameters = DEFAULT_PASSWORD_PARAMETERS, peppers = parsePepperRing({}), hashFunction = argon2id } = options
  const queue = boundedQueue(
    {
      concurrency: options.concurrency,
      longest: options.queueLength,
      timeoutMs: options.queueTimeoutMs ?? QUEUE_TIMEOUT_MS,
      timer: options.timer ?? startTimer
    },
    () => new PasswordQueueFullError()
  )
  // Read for each hash: the ring may be replaced while the process runs.
  const newestSecret = (): Buffer | null => peppers.newest?.secret ?? null
  let decoy: Promise<string> | null = null
  const decoyHash = async (): Promise<string> => {
    decoy ??= hashFunction.hash(UNUSABLE_PASSWORD, parameters, newestSecret())
    try {
      return await decoy
    } catch (error) {
      // The next login tries again: one failure, say for want of memory, must not be remembered for all of them.
      decoy = null
      throw error
    }
  }

  const countedTrials = (stored: string | null): Trial[] => {
    if (stored === null) return []
    const { encoded, pepperId } = parseStoredHash(stored)
    const trial = (pepper: Buffer | null): Trial => ({ encoded, pepper, counts: true })
    if (pepperId === null && peppers.unnamed !== null) return [trial(peppers.unnamed.secret), trial(null)]
    if (pepperId === null) return [trial(null)]
    const pepper = peppers.find(pepperId)
    if (pepper === null) options.onUnknownPepper?.(pepperId)
    return pepper === null ? [] : [trial(pepper.secret)]
  }

  /** As many as the longest list has, whatever is stored: neither an unknown user nor the pepper of a hash shows. */
  const trialsOf = (stored: string | null, other: string): Trial[] => {
    const counted = countedTrials(stored)
    const missing = (peppers.unnamed === null ? 1 : 2) - counted.length
    const idle: Trial = { encoded: other, pepper: newestSecret(), counts: false }
    return [...counted, ...Array.from({ length: missing }, () => idle)]
  }

  return {
    counts: queue.counts,
    queueLength: options.queueLength,
    hash: async password => {
      const { newest } = peppers
      const encoded = await queue.run(async () => await hashFunction.hash(password, parameters, newest?.secret ?? null))
      return storedHashOf(encoded, newest?.id ?? null)
    },
    verify: async (stored, password, turn) => {
      // Made before the first login and for every caller, so that no first unknown user takes longer than the others.
      const trials = trialsOf(stored, await decoyHash())
      return await queue.run(async () => {
        await turn?.before()
        let matches = false
        for (const { encoded, pepper, counts } of trials) {
          const isRight = await hashFunction.verify(encoded, password, pepper)
          matches ||= isRight && counts
        }
        await turn?.after(matches)
        return matches
      })
    },
    isOutdated: stored => {
      const { encoded, pepperId } = parseStoredHash(stored)
      const { memoryCost, timeCost, parallelism } = parseOptions(encoded)
      const { memoryKibibytes, iterations, lanes } = parameters
      const hasOtherPepper = pepperId !== (peppers.newest?.id ?? null)
      return hasOtherPepper || memoryCost !== memoryKibibytes || timeCost !== iterations || parallelism !== lanes
    }
  }
}
