import createError from '@fastify/error'

/** Test: `injectAs` was called with an app that has neither `injectedCallers` nor the strategy `injectedCaller`. */
export const CallerNotInjectedError = createError(
  'SALLYPORT_TESTING_CALLER_NOT_INJECTED',
  'The app asks nobody who the caller is: register injectedCallers, or give injectedCaller to its strategies',
  500
)

/** Test: the options of an issuer are wrong; lists all mistakes. */
export const TestingOptionsError = createError(
  'SALLYPORT_TESTING_OPTIONS_INVALID',
  'Options of @sallyport/testing: %s',
  500
)
