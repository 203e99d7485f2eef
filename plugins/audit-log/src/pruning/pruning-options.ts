import { customOption, listOf, optionsObject, Type } from '@sallyport/security-context/options'
import { trailUrlMistake } from '../trail-pool.ts'

/** Removes old rows by schedule, with the rights of the pruner role and of no other. */
export interface TrailPruning {
  /**
   * URL of the pruner role. It is connected to for each run, and at no other time.
   * @example 'postgres://orders_pruner:…@localhost/orders'
   */
  readonly databaseUrl: string
  /** How many days rows are kept that are in no class; at least 30. */
  readonly keepDays: number
  /**
   * Rows that are kept for another time, by their actions: the first class that has one decides.
   * @default []
   * @example [{ actions: ['session.*'], keepDays: 730 }]
   */
  readonly classes?: readonly KeptClass[]
  /**
   * How often old rows are looked for, in ms; the first time a minute after the start.
   * @default 3_600_000
   */
  readonly intervalMs?: number
  /**
   * About how many rows are looked at in one transaction.
   * @default 5000
   */
  readonly batchRows?: number
}

/** Rows that are kept for a time of their own. */
export interface KeptClass {
  /** Actions, `*` standing for any text: `session.*`, `*.read`. */
  readonly actions: readonly string[]
  /** At least 30. */
  readonly keepDays: number
}

/** Nobody removes what is younger, whatever is configured: what happened a moment ago is looked for by somebody. */
export const LEAST_KEPT_DAYS = 30
const MOST_KEPT_DAYS = 36_500

const keptDays = () => Type.Integer({ minimum: LEAST_KEPT_DAYS, maximum: MOST_KEPT_DAYS })

export const keptClass = optionsObject({
  actions: listOf(Type.String({ minLength: 1 }), { minItems: 1 }),
  keepDays: keptDays()
})

export const trailPruning = optionsObject({
  databaseUrl: customOption<string>(
    'the URL of a database on this machine, or with sslmode=verify-full',
    value => typeof value === 'string' && trailUrlMistake(value) === null
  ),
  keepDays: keptDays(),
  classes: listOf(keptClass, { default: [] }),
  intervalMs: Type.Integer({ minimum: 1000, maximum: 86_400_000, default: 3_600_000 }),
  batchRows: Type.Integer({ minimum: 100, maximum: 100_000, default: 5000 })
})

const KEPT_ACTION = /^[\w.*-]{1,100}$/
const KEPT_TIME = /^(\d{1,5})d$/

/**
 * Reads `session.*,token.*=730d;*.read=90d`.
 * @returns `null` where that is not what it is, or something would be kept for less than 30 days
 */
export function readKeptClasses(text: string): KeptClass[] | null {
  const classes: KeptClass[] = []
  for (const part of text.split(';')) {
    const [names = '', time = '', ...more] = part.split('=').map(each => each.trim())
    const actions = names.split(',').map(name => name.trim())
    const keepDays = Number(KEPT_TIME.exec(time)?.[1] ?? 0)
    const isRight = keepDays >= LEAST_KEPT_DAYS && keepDays <= MOST_KEPT_DAYS
    if (!isRight || more.length > 0 || actions.some(name => !KEPT_ACTION.test(name))) return null
    classes.push({ actions, keepDays })
  }
  return classes
}
