import type { Store } from '../contract.ts'
import { authorizationCodeStore } from './authorization-codes.ts'
import { clientStore } from './clients.ts'
import { consentStore } from './consents.ts'
import { housekeepingStore } from './housekeeping.ts'
import { loginAttemptStore } from './login-attempts.ts'
import { logoutNoticeStore } from './logout-notices.ts'
import { opaqueTokenStore } from './opaque-tokens.ts'
import { pushedRequestStore } from './pushed-requests.ts'
import { replayStore } from './replays.ts'
import { audienceStore, roleStore, scopeStore } from './registry.ts'
import { sessionStore } from './sessions.ts'
import { signInStore } from './sign-ins.ts'
import { signingKeyStore } from './signing-keys.ts'
import { statusListStore } from './status-lists.ts'
import { createJournal, type Journal } from './table.ts'
import { createTables, type RunStep, type Tables } from './tables.ts'
import { userStore } from './users.ts'

type Transaction = Store['transaction']

/**
 * The storage contract in the memory of one process, for tests, trials and measurements: it ends with the process.
 * Transactions run one after another, and nothing else runs in the middle of one, so that every promise of the contract
 * holds. Work that uses this store itself within a transaction, instead of the one it was handed, waits for its own
 * end.
 */
export function memoryStore(): Store {
  const turns = createTurns()
  const journal = createJournal(turns.isTaken)
  const tables = createTables(journal)
  const run: RunStep = step => (turns.isTaken() ? inTurn(step) : step())
  const inTurn = async <Result>(step: () => Result): Promise<Result> => {
    while (turns.isTaken()) await turns.next()
    return step()
  }
  const transaction: Transaction = async work => {
    while (turns.isTaken()) await turns.next()
    turns.take()
    let isOver = false
    const inside: Store = storeOf(
      tables,
      step => {
        if (isOver) throw new Error('the transaction is over')
        return step()
      },
      savepoints(journal, () => inside)
    )
    try {
      return await work(inside)
    } catch (error) {
      journal.undoTo(0)
      throw error
    } finally {
      isOver = true
      journal.clear()
      turns.release()
    }
  }
  return storeOf(tables, run, transaction)
}

/** Whose turn it is: a transaction's, or anybody's. */
interface Turns {
  readonly isTaken: () => boolean
  /** Resolves when the transaction that runs now has ended. */
  readonly next: () => Promise<void>
  readonly take: () => void
  readonly release: () => void
}

function createTurns(): Turns {
  const waiting: Array<() => void> = []
  let taken = false
  return {
    isTaken: () => taken,
    next: async () => {
      await new Promise<void>(resolve => waiting.push(resolve))
    },
    take: () => {
      taken = true
    },
    release: () => {
      taken = false
      for (const wake of waiting.splice(0)) wake()
    }
  }
}

/** Within a transaction, another one is a savepoint of it. */
function savepoints(journal: Journal, store: () => Store): Transaction {
  return async work => {
    const mark = journal.mark()
    try {
      return await work(store())
    } catch (error) {
      journal.undoTo(mark)
      throw error
    }
  }
}

function storeOf(tables: Tables, run: RunStep, transaction: Transaction): Store {
  return Object.freeze<Store>({
    connection: null,
    users: userStore(tables, run),
    clients: clientStore(tables, run),
    audiences: audienceStore(tables, run),
    scopes: scopeStore(tables, run),
    roles: roleStore(tables, run),
    sessions: sessionStore(tables, run),
    signIns: signInStore(tables, run),
    authorizationCodes: authorizationCodeStore(tables, run),
    pushedRequests: pushedRequestStore(tables, run),
    consents: consentStore(tables, run),
    logoutNotices: logoutNoticeStore(tables, run),
    opaqueTokens: opaqueTokenStore(tables, run),
    replays: replayStore(tables, run),
    signingKeys: signingKeyStore(tables, run),
    statusLists: statusListStore(tables, run),
    loginAttempts: loginAttemptStore(tables, run),
    housekeeping: housekeepingStore(tables, run),
    transaction
  })
}
