#!/usr/bin/env node
import { runAuditCommand } from '@sallyport/audit-log'

const interrupted = new AbortController()
process.once('SIGINT', () => {
  interrupted.abort()
})
process.exitCode = await runAuditCommand({
  args: process.argv.slice(2),
  environment: process.env,
  call: 'sallyport-audit',
  out: text => process.stdout.write(text),
  error: text => process.stderr.write(text),
  showsProgress: process.stderr.isTTY === true,
  signal: interrupted.signal
})
