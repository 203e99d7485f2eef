import { startRealAuthServers } from '../support/real-auth-servers.ts'
import type { Soak } from './types.ts'

const FAMILIES = 20
const PARALLEL = 200
const INSTANCES = 3

/** 200 refreshes of one token at the same time over three instances: one successor, byte for byte, and no error. */
export const parallelRefreshes: Soak = async log => {
  const servers = await startRealAuthServers(INSTANCES)
  const broken: string[] = []
  let refreshes = 0
  let successorsUsed = 0
  try {
    await servers.createUsers(FAMILIES)
    for (let family = 0; family < FAMILIES; family++) {
      const { refresh_token: first } = await servers.login(family, `load${family}`)
      const answers = await Promise.all(
        Array.from(
          { length: PARALLEL },
          async (_, n) => await servers.post(n, '/oauth2/token', { grant_type: 'refresh_token', refresh_token: first })
        )
      )
      refreshes += answers.length
      const errors = answers.filter(({ status }) => status !== 200)
      if (errors.length > 0) {
        broken.push(
          `family ${family}: ${errors.length} of ${PARALLEL} answered ${errors[0]?.status}: ${errors[0]?.text}`
        )
      }
      const successors = new Set(
        answers
          .filter(({ status }) => status === 200)
          .map(({ text }) => (JSON.parse(text) as { refresh_token: string }).refresh_token)
      )
      if (successors.size !== 1) broken.push(`family ${family}: ${successors.size} successors`)
      const [successor = ''] = successors
      if (successor === first) broken.push(`family ${family}: the token was not rotated`)
      const next = await servers.post(family + 1, '/oauth2/token', {
        grant_type: 'refresh_token',
        refresh_token: successor
      })
      if (next.status === 200) successorsUsed++
      else broken.push(`family ${family}: the successor was answered ${next.status}: ${next.text}`)
      if ((family + 1) % 5 === 0) log(`${family + 1} families`)
    }
    return {
      counts: {
        families: FAMILIES,
        instances: INSTANCES,
        'refreshes of a first token': refreshes,
        'successors that worked': successorsUsed
      },
      broken
    }
  } finally {
    await servers.close()
  }
}
