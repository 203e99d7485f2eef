/** One thing to measure: a server in a process of its own, and the requests that load it. */
export interface Candidate {
  readonly name: string
  /** Module whose default export is a {@link ServerFactory}; forked, so that its CPU time is its own. */
  readonly server: URL
  /** Handed to the factory as JSON. */
  readonly options?: Readonly<Record<string, unknown>>
  /** Package that must be installed, else the candidate is left out by name. */
  readonly needs?: string
}

/** One kind of request, measured for every candidate that has it. */
export interface Operation {
  readonly name: string
  /** Sent before the first round: a server's just-in-time compiler is done only after tens of thousands. */
  readonly warmUp: number
  /** In each round. */
  readonly requests: number
  readonly concurrency: number
}

/** A measured ratio and what it should be. */
export interface Goal {
  readonly name: string
  /** CPU of `slower` ÷ CPU of `faster` for `operation`: the median of the ratios of the rounds. */
  readonly operation: string
  /** Whether the CPU of the candidates' databases counts too. */
  readonly withDatabase?: boolean
  readonly slower: string
  readonly faster: string
  readonly goal: number
  readonly better: 'higher' | 'lower'
}

/** What `npm run bench -- <name>` runs. */
export interface Benchmark {
  readonly candidates: readonly Candidate[]
  readonly operations: readonly Operation[]
  readonly goals: readonly Goal[]
  readonly rounds: number
}

/** A request as plain data, so that it can be sent to the process that loads. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** A piece of the answer without which the benchmark ends. */
  readonly expect?: string
  /** A refresh chain: the next request's body is this one with the `refresh_token` of the answer. */
  readonly chained?: boolean
  /** Sent once before everything else; a member of its answer becomes a parameter of this request's form. */
  readonly prepare?: { readonly request: LoadRequest; readonly member: string; readonly parameter: string }
}

/** A server that is ready to be measured. */
export interface MeasuredServer {
  readonly origin: string
  /** For each operation: one request per concurrent chain. */
  readonly requests: Readonly<Record<string, readonly LoadRequest[]>>
  readonly close: () => Promise<void>
  /** CPU time of the database server behind it with all its processes since its start, in µs. */
  readonly databaseCpu?: () => number
}

/** CPU time since the start, in µs: the answer of a candidate's process. */
export interface CpuTimes {
  readonly cpuMicros: number
  /** Of its database server; 0 without one. */
  readonly databaseMicros: number
}

/** Starts a candidate. */
export type ServerFactory = (options: Readonly<Record<string, unknown>>) => Promise<MeasuredServer>

/** The result of a {@link Measurement}. */
export interface Measured {
  readonly values: Readonly<Record<string, number>>
  readonly goals: Readonly<
    Record<string, { readonly value: number; readonly goal: number; readonly better: 'higher' | 'lower' }>
  >
  /** Where several things were measured in rounds: the medians of each. */
  readonly rounds?: number
  readonly candidates?: Record<string, Readonly<Record<string, number>>>
}

/** What the command line says; a measurement without rounds ignores it. */
export interface MeasurementOptions {
  readonly rounds?: number
  /** Length of each load, in seconds. */
  readonly seconds?: number
  /** Names of candidates, and of operations, separated by semicolons; left out: all. */
  readonly only?: string
  /** How far a trail grows. */
  readonly rows?: number
  /** Folder for CPU profiles of Node's candidates, and for the plans of the growing trail. */
  readonly profiles?: string
}

/** What cannot be said as CPU per request, as a distribution of latencies: a bench file exports it as `measurement`. */
export type Measurement = (log: (line: string) => void, options: MeasurementOptions) => Promise<Measured>
