const { NODE_COMPILE_CACHE } = process.env

/** The run's cache of compiled code, for the environment of a process that has nothing else of this one's. */
export const CODE_CACHE: Readonly<Record<string, string>> =
  NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
