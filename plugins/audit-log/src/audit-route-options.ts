import type { Policy } from '@sallyport/security-context'
import { customOption, optionsObject, Type } from '@sallyport/security-context/options'

/** A route that serves the trail. */
export interface AuditRoute {
  /** Begins with a slash. */
  readonly path: string
  /** Who may read; `'public'` is refused. */
  readonly access: Policy | 'authenticated'
  /**
   * Who may read names, addresses and other personal values, at `<path>/personal`; `'public'` is refused, and `false`:
   * nobody.
   * @default false
   */
  readonly personalAccess?: Policy | 'authenticated' | false
  /**
   * How often new rows are looked for while somebody follows the trail, in ms.
   * @default 1000
   */
  readonly liveIntervalMs?: number
  /**
   * How many may follow the trail at this process at a time; one of several workers takes its share.
   * @default 32
   */
  readonly maxStreams?: number
}

export const auditRoute = optionsObject({
  path: customOption<string>(
    'a path that begins with a slash',
    value => typeof value === 'string' && value.startsWith('/')
  ),
  access: customOption<AuditRoute['access']>('a policy or authenticated', isReadersAccess),
  personalAccess: customOption<NonNullable<AuditRoute['personalAccess']>>(
    'a policy, authenticated or false',
    value => value === false || isReadersAccess(value),
    { default: false }
  ),
  liveIntervalMs: Type.Integer({ minimum: 1, default: 1000 }),
  maxStreams: Type.Integer({ minimum: 1, default: 32 })
})

function isReadersAccess(value: unknown): boolean {
  return value === 'authenticated' || (typeof value === 'object' && value !== null)
}
