// npm run test:drills: needs the programs `haproxy` and `nginx`; what is not installed is skipped and said.
import t from 'tap'
import { drillRollingRestarts, isInstalled, type ProxyName } from '../support/rolling-restart.ts'

const ROUNDS = 2
t.setTimeout(300_000)
const PROXIES: readonly ProxyName[] = ['haproxy', 'nginx']

for (const proxy of PROXIES) {
  const skip = isInstalled(proxy) ? false : `${proxy} is not installed here (apt-get install ${proxy})`
  t.test(`two rolling restarts behind ${proxy} fail no request`, { skip, timeout: 120_000 }, async t => {
    const { answered, failures, exitCodes } = await drillRollingRestarts(proxy, ROUNDS)
    t.comment(`${answered} requests answered`)
    t.strictSame(failures, [])
    t.ok(answered > 200, `${answered} requests were answered`)
    t.strictSame(exitCodes, [0, 0, 0, 0], 'every process ended in order')
  })
}
