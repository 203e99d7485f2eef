// Stops the database when the launcher is gone. A killed launcher cannot stop anything, but its end of the IPC channel
// closes. Arguments: process id and data folder of the server.
import { runningServer, stopServer } from './orphan.ts'

const [pid = '', dataDirectory = ''] = process.argv.slice(2)

// Signals of the terminal are for the launcher, which stops the database last.
process.on('SIGINT', () => {}).on('SIGTERM', () => {})
process.on('disconnect', () => {
  void (async () => {
    if (runningServer(dataDirectory) === Number(pid)) await stopServer(Number(pid), dataDirectory)
    process.exit()
  })()
})
if (!process.connected) process.emit('disconnect')
