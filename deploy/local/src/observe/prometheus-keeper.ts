// Runs Prometheus and ends it when the process that asked for it is gone: its end of the IPC channel closes then.
// Arguments: those of Prometheus.
import { spawn } from 'node:child_process'

const prometheus = spawn('prometheus', process.argv.slice(2), { stdio: ['ignore', 'inherit', 'inherit'] })

// Signals of the terminal are for the parent, which lets go of the channel.
process.on('SIGINT', () => {}).on('SIGTERM', () => {})
process.on('disconnect', () => {
  prometheus.kill('SIGTERM')
})
prometheus.once('error', error => {
  console.error(error.message)
  process.exit(1)
})
prometheus.once('exit', code => {
  process.exit(code ?? 1)
})
if (!process.connected) process.emit('disconnect')
