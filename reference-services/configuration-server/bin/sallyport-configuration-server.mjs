#!/usr/bin/env node
import '@sallyport/service-process/require-node'
import { createRequire } from 'node:module'
import { program } from '@sallyport/configuration-server'
import { runProcessProgram } from '@sallyport/service-process'

const { version } = createRequire(import.meta.url)('../package.json')
const { argv, env: environment } = process
const call = { call: 'sallyport-configuration-server', version, args: argv.slice(2), environment }
process.exitCode = await runProcessProgram(program, call)
