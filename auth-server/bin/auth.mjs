#!/usr/bin/env node
import '@sallyport/service-process/require-node'
import { runCommandLine } from '@sallyport/auth-server'

process.exitCode = await runCommandLine(process.argv.slice(2), process.env)
