// Real faults of the real processes, seen by a real Prometheus with the rules of deploy/observability at sixty times
// their speed: the alert fires, the fault goes, the alert clears.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { prometheusAlerts, readStack, startOwnStack, type Stack } from '@sallyport/local'
import { faultProxy } from '@sallyport/testing'
import { CHILD_ENVIRONMENT } from '../support/child-environment.ts'
import { clusterUrl } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { missingProgram } from '../support/observability/missing-program.ts'
import { answersTo, runbookVariables } from '../support/observability/operator-questions.ts'
import { askingLines } from '../support/observability/runbooks.ts'
import { ROOT } from '../support/packages.ts'

const run = promisify(execFile)
const OBSERVE = fileURLToPath(new URL('../../deploy/local/src/observe/run-observe.ts', import.meta.url))
const RUNBOOKS = join(ROOT, 'docs/runbooks')
const NODE_ARGUMENTS = ['--conditions=@sallyport/source', OBSERVE]

/** Resolves when it holds; tap ends a test that waits for ever. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(100)
}

async function isFiring(url: string, alert: string, process: string): Promise<boolean> {
  const alerts = await prometheusAlerts(url)
  return alerts.some(
    ({ labels, state }) => state === 'firing' && labels.alertname === alert && labels.process === process
  )
}

/** How many processes Prometheus reaches. */
async function targetsUp(url: string): Promise<number> {
  const { stdout } = await run('promtool', ['query', 'instant', url, 'sum(up{job="sallyport"})'])
  return Number(/=> (\d+)/.exec(stdout)?.[1] ?? 0)
}

async function readOrders({ gateway, users }: Stack): Promise<number> {
  const { username, password } = users.find(user => user.username === 'customer1')!
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const answer = await fetch(`${gateway}/orders`, { headers: { authorization } })
  await answer.arrayBuffer()
  return answer.status
}

/** Asks whether order-service is ready, as an orchestrator does. */
async function probe({ operations }: Stack): Promise<void> {
  const answer = await fetch(`${operations['order-service']}/health/ready`)
  await answer.arrayBuffer()
}

/** `npm run observe`, as somebody types it. */
async function observe(t: Test, directory: string) {
  const port = await freePort()
  const args = [...NODE_ARGUMENTS, '--directory', directory, '--port', String(port), '--speed', '60']
  const observer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: process.env })
  t.teardown(() => observer.kill('SIGKILL'))
  let output = ''
  observer.stdout.on('data', text => {
    output += String(text)
  })
  await until(async () => output.includes('Ctrl-C ends it'))
  return { url: `http://127.0.0.1:${port}`, output: () => output, observer, exit: once(observer, 'exit') }
}

t.test('faults of the stack fire alerts and clear them', { skip: missingProgram('prometheus') }, async t => {
  const database = await faultProxy(t, Object.assign(new URL(clusterUrl()), { pathname: '/observed_orders' }).href)
  const own = await startOwnStack({
    environment: {
      ...process.env,
      ...CHILD_ENVIRONMENT,
      DATABASE_URL: clusterUrl(),
      ORDER_SERVICE_DATABASE_URL: database.url
    }
  })
  t.teardown(own.stop)
  const stack = readStack(own.localJson)
  const { url, output, observer, exit } = await observe(t, own.directory)

  await t.test('every process of the stack is looked at', async t => {
    const processes = Object.keys(stack.operations)
    t.match(output(), processes.join(', '))
    await until(async () => (await targetsUp(url)) === processes.length)
  })

  await t.test('every question that the runbooks ask is answered', async t => {
    const variables = {
      ...(await runbookVariables(own.directory)),
      PROMETHEUS: url,
      SUBJECT: '10000000-0000-4000-8000-000000000001'
    }
    const pages = readdirSync(RUNBOOKS).map(name => readFileSync(join(RUNBOOKS, name), 'utf8'))
    const lines = [...new Set(pages.flatMap(askingLines))]
    t.ok(lines.length > 40)
    // An answer from 400 on is a failure of the command.
    const script = ['curl() { command curl -f "$@" > /dev/null; }', ...lines.map(line => `${line} || echo 'FAILED'`)]
    const { stdout } = await run('bash', ['-c', script.join('\n')], {
      env: { ...process.env, ...variables },
      maxBuffer: 2 ** 26
    })
    t.notMatch(stdout, 'FAILED')
    t.match(await answersTo('Why is it slow', variables, own.directory, 'prometheus'), 'http_route')
  })

  await t.test('the authorization server stops: ProcessDown fires, and clears when it goes on', async t => {
    const pid = stack.processIds['auth-server']!
    await until(async () => !(await isFiring(url, 'ProcessDown', 'auth-server')))
    process.kill(pid, 'SIGSTOP')
    try {
      await until(async () => await isFiring(url, 'ProcessDown', 'auth-server'))
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    t.notOk(await isFiring(url, 'ProcessDown', 'order-service'), 'of this process only')
    await until(async () => !(await isFiring(url, 'ProcessDown', 'auth-server')))
  })

  await t.test('the database of a service is cut: ErrorBudgetBurns and ProcessNotReady fire, and clear', async t => {
    await until(async () => (await readOrders(stack)) === 200)
    t.notOk(await isFiring(url, 'ErrorBudgetBurns', 'order-service'), 'not before')
    database.set('stopped')
    await until(async () => {
      t.not(await readOrders(stack), 200)
      await probe(stack)
      return (
        (await isFiring(url, 'ErrorBudgetBurns', 'order-service')) &&
        (await isFiring(url, 'ProcessNotReady', 'order-service'))
      )
    })
    database.set('pass')
    await until(async () => {
      await readOrders(stack)
      await probe(stack)
      if (await isFiring(url, 'ProcessNotReady', 'order-service')) return false
      const alerts = await prometheusAlerts(url)
      return !alerts.some(
        ({ labels }) =>
          labels.alertname === 'ErrorBudgetBurns' && labels.severity === 'page' && labels.process === 'order-service'
      )
    })
  })

  await t.test('Ctrl-C ends Prometheus, and nothing of it stays', async t => {
    observer.kill('SIGINT')
    t.strictSame(await exit, [0, null])
    const { stdout } = await run('ps', ['-eo', 'args='])
    t.notMatch(stdout, join(own.directory, 'prometheus'))
  })
})

t.test('without a stack, and with a port that is taken, it says what to do', async t => {
  const failed = async (...args: string[]): Promise<string> =>
    await run(process.execPath, [...NODE_ARGUMENTS, ...args]).then(
      () => 'it started',
      (error: { stderr: string }) => error.stderr.trim()
    )
  t.equal(await failed('--directory', '/nowhere'), 'npm run observe: No stack is running here: npm start starts it')
  t.equal(await failed('--speed', '0'), 'npm run observe: --speed has to be a number from 1 to 300, not "0"')
  t.match(await failed('--fast'), "npm run observe: Unknown option '--fast'")
})
