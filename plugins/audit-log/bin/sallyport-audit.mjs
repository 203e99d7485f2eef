#!/usr/bin/env node
import { createInterface } from 'node:readline/promises'
import { runAuditCommand } from '@sallyport/audit-log'

const interrupted = new AbortController()
process.once('SIGINT', () => {
  interrupted.abort()
})

/** Standard output may be a file. */
async function ask(question) {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await reader.question(question, { signal: interrupted.signal })
  } finally {
    reader.close()
  }
}

process.exitCode = await runAuditCommand({
  args: process.argv.slice(2),
  environment: process.env,
  call: 'sallyport-audit',
  out: text => process.stdout.write(text),
  error: text => process.stderr.write(text),
  ...(process.stdin.isTTY === true && process.stderr.isTTY === true && { ask }),
  showsProgress: process.stderr.isTTY === true,
  signal: interrupted.signal
})
