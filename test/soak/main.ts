// npm run soak [-- <name> …]: what is too slow for `npm test`. Exit code 1 when anything did not hold.
import { machine } from '../support/machine.ts'
import { auditMutations } from './audit-mutations.ts'
import { bothSteps } from './both-steps.ts'
import { configurationChanges } from './configuration-changes.ts'
import { flood } from './flood.ts'
import { keyRotations } from './key-rotations.ts'
import { killedServices } from './killed-services.ts'
import { largeStreams } from './large-streams.ts'
import { longTrail } from './long-trail.ts'
import { parallelRefreshes } from './parallel-refreshes.ts'
import { refusedTokens } from './refused-tokens.ts'
import { rollingRestarts } from './rolling-restarts.ts'
import { secretRotations } from './secret-rotations.ts'
import { settingsReloads } from './settings-reloads.ts'
import { storedSessions } from './stored-sessions.ts'
import type { Soak } from './types.ts'

const soaks: Readonly<Record<string, Soak>> = {
  refreshes: parallelRefreshes,
  rotations: keyRotations,
  'refused-tokens': refusedTokens,
  trail: longTrail,
  'audit-mutations': auditMutations,
  flood,
  'large-streams': largeStreams,
  restarts: rollingRestarts,
  kills: killedServices,
  'both-steps': bothSteps,
  reloads: settingsReloads,
  'configuration-changes': configurationChanges,
  secrets: secretRotations,
  sessions: storedSessions
}
const names = process.argv.slice(2)
const unknown = names.filter(name => !Object.hasOwn(soaks, name))
if (unknown.length > 0) {
  console.error(`usage: npm run soak [-- ${Object.keys(soaks).join(' | ')}]`)
  process.exit(1)
}
console.log(machine())
let failures = 0
for (const [name, soak] of Object.entries(soaks)) {
  if (names.length > 0 && !names.includes(name)) continue
  const startedAt = performance.now()
  const { counts, broken } = await soak(line => console.log(`  ${line}`))
  console.log(
    `${name}: ${broken.length === 0 ? 'held' : 'BROKEN'} (${Math.round((performance.now() - startedAt) / 1000)} s)`
  )
  for (const [count, value] of Object.entries(counts)) console.log(`  ${count}: ${value}`)
  for (const what of broken.slice(0, 20)) console.log(`  broken: ${what}`)
  failures += broken.length
}
console.log(failures === 0 ? 'Everything held.' : `${failures} things did not hold.`)
process.exitCode = failures === 0 ? 0 : 1
