const { NODE_COMPILE_CACHE } = process.env

/**
 * For a process of ours that a test starts with nothing else of its own environment: the run's cache of compiled code,
 * and no request shed because the machine is busy with other tests.
 */
export const CHILD_ENVIRONMENT: Readonly<Record<string, string>> = {
  ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
  SALLYPORT_MAX_EVENT_LOOP_DELAY_MS: '60000'
}
