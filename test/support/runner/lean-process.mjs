// Loaded into a test process before tap's own hooks. These read every module once more, note it, and load themselves
// into every process that a test starts: for coverage, which is off here, and it doubles what a start costs.
process.env._TAPJS_PROCESSINFO_EXCLUDE_ = '/./'
globalThis[Symbol.for('@tapjs/processinfo.ProcessInfoNodeData')] = { files: [], sources: {} }
// What a test starts has the options of whoever started the run.
const { SALLYPORT_TEST_NODE_OPTIONS: own } = process.env
if (own === undefined || own === '') delete process.env.NODE_OPTIONS
else process.env.NODE_OPTIONS = own
