import { watch } from 'node:fs'
import { type Schedule, scheduleByTimer, startTimer, type StartTimer } from '@sallyport/security-context/mechanics'

/** Tells of anything that happens in a folder, until closed. Throws when it cannot be watched. */
export type WatchFolder = (folder: string, onEvent: () => void, onFailure: () => void) => { readonly close: () => void }

/** What a file says, and a text that is another one whenever it says something else. */
export interface FileReading<Content> {
  readonly fingerprint: string
  readonly content: Content
}

/** How a file is followed. */
export interface FollowedFile<Content> {
  /** Where the file is. The folder is watched: editors and Kubernetes put another file in the place of the first. */
  readonly folder: string
  /** Reads it; must not reject: what cannot be read is a content too. */
  readonly read: () => Promise<FileReading<Content>>
  /** Fingerprint of what is known already. */
  readonly known: string
  /** Gets what is new, once it has stopped changing. Must not reject. */
  readonly changed: (content: Content) => Promise<void>
  readonly watch?: WatchFolder
  /** Between an event and a look, and between two looks at what is new. */
  readonly startTimer?: StartTimer
  /** Looks without an event: where no events come, as over a network, and after a failure of the watch. */
  readonly schedule?: Schedule
}

/** How long a new content must stay the same: a file that is half written can look like a whole one. */
const SETTLE_MS = 100
const LOOK_EVERY_MS = 10_000

/** A file that is followed. */
export interface Following {
  readonly stop: () => Promise<void>
  /** Somebody else has read this from it, and it is known now. */
  readonly noteKnown: (fingerprint: string) => void
}

/**
 * Calls `changed` whenever a file says something new: two looks in a row have to agree, so that nobody acts on a file
 * that is being written.
 */
export function followFile<Content>(file: FollowedFile<Content>): Following {
  const { folder, read, changed, watch = watchFolder, startTimer: start = startTimer } = file
  let { known } = file
  let candidate: string | null = null
  let timer: { readonly stop: () => void } | null = null
  let watcher: { readonly close: () => void } | null = null
  let stopped = false
  let last: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    if (stopped) return
    watcher ??= opened()
    const { fingerprint, content } = await read()
    if (fingerprint === known) candidate = null
    else if (fingerprint !== candidate) {
      candidate = fingerprint
      lookSoon()
    } else {
      known = fingerprint
      candidate = null
      await changed(content)
    }
  }

  /** One look after the other. */
  async function lookInTurn(): Promise<void> {
    last = last.then(look)
    await last
  }

  /** Not delayed again by a further event: in a folder where much happens there would be no look. */
  function lookSoon(): void {
    if (stopped || timer !== null) return
    timer = start(() => {
      timer = null
      void lookInTurn()
    }, SETTLE_MS)
  }

  function opened(): { readonly close: () => void } | null {
    try {
      return watch(folder, lookSoon, () => {
        watcher?.close()
        watcher = null
      })
    } catch {
      return null
    }
  }

  watcher = opened()
  const regularly = (file.schedule ?? scheduleByTimer)(lookInTurn, LOOK_EVERY_MS)
  return {
    noteKnown(fingerprint) {
      known = fingerprint
    },
    stop: async () => {
      stopped = true
      regularly.stop()
      timer?.stop()
      watcher?.close()
      await last
    }
  }
}

const watchFolder: WatchFolder = (folder, onEvent, onFailure) => {
  const watcher = watch(folder, { persistent: false }, onEvent)
  watcher.on('error', onFailure)
  return watcher
}
