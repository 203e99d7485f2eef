#!/usr/bin/env node
import { runTokenCommand } from '@sallyport/authentication'

process.exitCode = await runTokenCommand({
  args: process.argv.slice(2),
  environment: process.env,
  call: 'sallyport-token',
  input: process.stdin,
  out: text => process.stdout.write(text),
  error: text => process.stderr.write(text)
})
