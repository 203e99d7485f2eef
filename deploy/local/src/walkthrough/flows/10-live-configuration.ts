import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { answerList, answerMember, asUser, type Flow, type Stack } from '../flow.ts'
import type { Transcript } from '../transcript.ts'

const SERVICE = 'order-service'
const SETTING = 'orderUndoneAfterMs'
const MOST_LOOKS = 300
const BETWEEN_LOOKS_MS = 100

/** A value that is changed at the configuration server is used by a running service; a bad one changes nothing. */
export const liveConfigurationFlow: Flow = {
  title: '10. Configuration: changed live from the server, and a bad value that changes nothing',
  run: async (stack, transcript) => {
    const before = await settingsOf(stack)
    // Never the value of an earlier run.
    const value = 600_000 + (Date.now() % 100_000)
    setAtServer(stack, transcript, value)
    await waitFor(stack, ({ version }) => version > before.version)
    const info = await transcript.call({ url: `${stack.operations[SERVICE] ?? ''}/info` })
    transcript.check(
      answerMember(info, 'configuration', 'version') === before.version + 1,
      'the running service has taken it, without a restart'
    )
    const taken = (await changes(stack, transcript)).find(row => JSON.stringify(row).includes(String(value)))
    transcript.check(taken?.outcome === 'success', 'its audit trail says what has changed, and where from')

    setAtServer(stack, transcript, -1)
    const after = await waitFor(stack, ({ refused }) => refused > before.refused)
    transcript.check(after.version === before.version + 1, 'a bad value changes nothing')
    const refusal = (await changes(stack, transcript)).find(row => row.outcome === 'failure')
    transcript.check(typeof refusal?.reason === 'string', `and the trail says why: ${String(refusal?.reason)}`)
    setAtServer(stack, transcript, value)
  }
}

interface SettingsState {
  readonly version: number
  readonly refused: number
}

async function settingsOf(stack: Stack): Promise<SettingsState> {
  const info = (await (await fetch(`${stack.operations[SERVICE] ?? ''}/info`)).json()) as {
    readonly configuration: SettingsState
  }
  return info.configuration
}

/** The stream of the server tells the service within a moment; until then nothing is printed. */
async function waitFor(stack: Stack, isIt: (state: SettingsState) => boolean): Promise<SettingsState> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const state = await settingsOf(stack)
    if (isIt(state)) return state
    await delay(BETWEEN_LOOKS_MS)
  }
  throw new Error(`the settings of ${SERVICE} stay what they are`)
}

/** With the command of the server, as an operator on its machine; the launcher keeps its secrets in files. */
function setAtServer({ caFile }: Stack, transcript: Transcript, value: number): void {
  const index = fileURLToPath(import.meta.resolve('@sallyport/configuration-server'))
  const command = join(dirname(index), '..', 'bin', 'sallyport-configuration-server.mjs')
  const secrets = join(dirname(caFile), '..', 'run', 'configuration-server')
  const args = ['set', SERVICE, 'default', 'main', `${SETTING}=${value}`]
  transcript.note(`sallyport-configuration-server ${args.join(' ')}`)
  const { status, stderr } = spawnSync(process.execPath, ['--conditions=@sallyport/source', command, ...args], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL_FILE: join(secrets, 'database-url'),
      SALLYPORT_SEALING_KEYS_FILE: join(secrets, 'sallyport-sealing-keys')
    },
    encoding: 'utf8'
  })
  transcript.check(status === 0, `the server has a new version${stderr === '' ? '' : `: ${stderr}`}`)
}

type AuditRow = Readonly<Record<string, unknown>>

/** The changes of settings in the audit trail of the service, newest first. */
async function changes(stack: Stack, transcript: Transcript): Promise<readonly AuditRow[]> {
  const url = `${stack.gateway}/audit/${SERVICE}?action=settings.change`
  return answerList(await transcript.call({ url, headers: asUser(stack, 'admin1') }), 'events')
}
