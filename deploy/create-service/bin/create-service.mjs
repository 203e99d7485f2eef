#!/usr/bin/env node
import { runCreateService } from '@sallyport/create-service'

process.exitCode = runCreateService(process.argv.slice(2), { directory: process.cwd(), print: console.log })
