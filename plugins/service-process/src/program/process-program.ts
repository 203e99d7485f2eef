import type { Knex } from 'knex'
import type { TObject } from 'typebox'
import type { ProcessDefinition } from '../run-service.ts'
import type { ProcessProperties } from '../settings.ts'

/** Names of database roles that migrations grant rights to; both exist already. */
export interface MigrationRoles {
  /** Serves: the running process. */
  readonly appRole: string
  /** Removes audit rows past their time. */
  readonly prunerRole: string
}

/** Commands of a program beside those that every process has. */
export interface FurtherCommands {
  /** One line for the help of the program. */
  readonly help: string
  /**
   * @param args all of them, the command first
   * @param call how the program is called, for help and usage
   * @returns the exit code
   */
  readonly run: (
    args: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
    call: string
  ) => Promise<number>
}

/** A process as a program: how it starts, and how its database is brought up to date. */
export interface ProcessProgram<Schema extends TObject<ProcessProperties>, Collaborators> {
  readonly definition: Omit<ProcessDefinition<Schema, Collaborators>, 'environment'>
  /** @param db pool of the database's owner */
  readonly migrate: (db: Knex, roles: MigrationRoles) => Promise<void>
  readonly furtherCommands?: FurtherCommands
}

/** How a program was called. */
export interface ProgramCall {
  /** Of its executable: `sallyport-order-service`. */
  readonly call: string
  readonly version: string
  /** After the name of the program. */
  readonly args: readonly string[]
  /** `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly out?: (text: string) => void
  readonly error?: (text: string) => void
}

/** The call itself is wrong; its message is printed with the usage. */
export class ProgramUsageError extends Error {}
