import type { Audience, Role, Scope, ScopeKey } from './records.ts'

/** Rows that administrators edit, each as a whole. */
export interface EditedRows<Key, Row> {
  find: (key: Key) => Promise<Row | null>
  /** `false` when the key is taken. */
  create: (row: Row) => Promise<boolean>
  /** Replaces the row that has its key; nothing when there is none. */
  replace: (row: Row) => Promise<void>
  remove: (key: Key) => Promise<void>
  list: () => Promise<readonly Row[]>
}

/** Audiences: the resource servers that tokens are for. */
export interface AudienceStore extends EditedRows<string, Audience> {
  /**
   * Until the transaction ends, nobody else who takes this lock changes scopes, audiences, clients or roles, or gives
   * roles to users: what one of them refers to stays.
   */
  lockRegistry: () => Promise<void>
}

/** Scopes by audience. */
export interface ScopeStore extends EditedRows<ScopeKey, Scope> {
  /** By name; disabled ones too. */
  ofAudience: (audience: string) => Promise<readonly Scope[]>
}

/** Roles. A disabled one counts for nobody from the moment that it is; one that users have cannot be removed. */
export type RoleStore = EditedRows<string, Role>
