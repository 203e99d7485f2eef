// What the dashboards show, as data. `$process` is the choice at the top of a dashboard.

/** A graph: its queries by what their lines are called. */
export interface DashboardGraph {
  readonly title: string
  readonly description: string
  /** A unit as Grafana names it: `s`, `percentunit`, `reqps`, `short`, `d`. */
  readonly unit: string
  readonly queries: Readonly<Record<string, string>>
  /** The value from which the line is drawn red: that of the alert. */
  readonly alarmAt?: number
}

/** Graphs under a heading. */
export interface DashboardSection {
  readonly title: string
  readonly graphs: readonly DashboardGraph[]
}

const REQUESTS = 'http_server_request_duration_seconds'
const EVENTS = 'sallyport_security_events_total'

/** What callers notice, and whether the processes can work. */
export const OPERATIONS_SECTIONS: readonly DashboardSection[] = [
  {
    title: 'Requests',
    graphs: [
      {
        title: 'Requests',
        description: 'Answers a second, by status.',
        unit: 'reqps',
        queries: {
          '{{process}} {{http_response_status_code}}': `sum by (process, http_response_status_code) (rate(${REQUESTS}_count{process=~"$process"}[5m]))`
        }
      },
      {
        title: 'Failures',
        description: 'Share of answers with a status from 500 on. The objective allows 0.1 % over 30 days.',
        unit: 'percentunit',
        queries: { '{{process}}': 'process:http_failures:share5m{process=~"$process"}' },
        alarmAt: 0.0144
      },
      {
        title: 'Duration, 99th percentile',
        description: 'Of all answers. A point leads to its trace where exemplars are stored.',
        unit: 's',
        queries: {
          '{{process}}': `histogram_quantile(0.99, sum by (process, le) (rate(${REQUESTS}_bucket{process=~"$process"}[5m])))`
        }
      },
      {
        title: 'Slow answers',
        description: 'Share that took longer than 0.5 s. The objective allows 1 % over 30 days.',
        unit: 'percentunit',
        queries: { '{{process}}': 'process:http_slow:share5m{process=~"$process"}' },
        alarmAt: 0.144
      },
      {
        title: 'Slowest routes',
        description: 'The ten routes with the highest 95th percentile.',
        unit: 's',
        queries: {
          '{{process}} {{http_route}}': `topk(10, histogram_quantile(0.95, sum by (process, http_route, le) (rate(${REQUESTS}_bucket{process=~"$process"}[5m]))))`
        }
      },
      {
        title: 'Shed and left',
        description: 'Requests refused because of load, and requests whose caller left before the answer.',
        unit: 'reqps',
        queries: {
          '{{process}} shed: {{threshold}}':
            'sum by (process, threshold) (rate(sallyport_requests_shed_total{process=~"$process"}[5m]))',
          '{{process}} shed: {{priority}}':
            'sum by (process, priority) (rate(sallyport_requests_shed_by_priority_total{process=~"$process"}[5m]))',
          '{{process}} left': 'sum by (process) (rate(sallyport_http_requests_aborted_total{process=~"$process"}[5m]))'
        }
      }
    ]
  },
  {
    title: 'Upstreams',
    graphs: [
      {
        title: 'Targets',
        description: '0: nothing is sent to it. Its breaker: 0 closed, 1 half open, 2 open.',
        unit: 'short',
        queries: {
          '{{upstream}} {{target}}':
            'min by (upstream, target) (sallyport_upstream_target_available{process=~"$process"})',
          '{{upstream}} {{target}} breaker':
            'max by (upstream, target) (sallyport_upstream_breaker_state{process=~"$process"})'
        }
      },
      {
        title: 'Sent again',
        description: 'Requests a second that failed and were sent again, and those for which no budget was left.',
        unit: 'reqps',
        queries: {
          '{{upstream}} {{outcome}}':
            'sum by (upstream, outcome) (rate(sallyport_upstream_retries_total{process=~"$process"}[5m]))'
        }
      },
      {
        title: 'Without a place',
        description: 'Requests a second that their upstream’s bulkhead refused, and times that a target was left out.',
        unit: 'reqps',
        queries: {
          '{{upstream}} refused':
            'sum by (upstream) (rate(sallyport_upstream_bulkhead_refusals_total{process=~"$process"}[5m]))',
          '{{upstream}} {{target}} left out':
            'sum by (upstream, target) (rate(sallyport_upstream_target_ejections_total{process=~"$process"}[5m]))'
        }
      }
    ]
  },
  {
    title: 'Processes',
    graphs: [
      {
        title: 'Up and ready',
        description: '1: answers Prometheus; ready for requests.',
        unit: 'short',
        queries: {
          '{{process}} {{instance}} up': 'up{job="sallyport", process=~"$process"}',
          '{{process}} {{instance}} ready': 'sallyport_ready{process=~"$process"}'
        }
      },
      {
        title: 'Checks of readiness',
        description: '0: what the process needs is away.',
        unit: 'short',
        queries: {
          '{{process}} {{check}}': 'min by (process, check) (sallyport_health_check_passing{process=~"$process"})'
        }
      },
      {
        title: 'Event loop',
        description: 'Mean delay in the last second; load is shed from SALLYPORT_MAX_EVENT_LOOP_DELAY_MS on.',
        unit: 's',
        queries: { '{{process}} {{instance}}': 'sallyport_event_loop_delay_seconds{process=~"$process"}' },
        alarmAt: 0.1
      },
      {
        title: 'Use of CPU and memory',
        description:
          'Share of a second in which the event loop was busy, seconds of CPU a second, resident memory in GB.',
        unit: 'short',
        queries: {
          '{{process}} event loop': 'sallyport_event_loop_utilization_ratio{process=~"$process"}',
          '{{process}} CPU': 'rate(process_cpu_seconds_total{process=~"$process"}[5m])',
          '{{process}} GB': 'process_resident_memory_bytes{process=~"$process"} / 1e9'
        }
      },
      {
        title: 'Exceptions',
        description: 'A second, by where they were thrown, and how many different ones are remembered.',
        unit: 'short',
        queries: {
          '{{process}} {{origin}}':
            'sum by (process, origin) (rate(sallyport_exceptions_total{process=~"$process"}[5m]))',
          '{{process}} different': 'sallyport_exception_groups{process=~"$process"}'
        },
        alarmAt: 0.1
      },
      {
        title: 'Blind spots',
        description: 'In 5 minutes: log lines given up, and gauges that could not be read.',
        unit: 'short',
        queries: {
          '{{process}} log lines': 'increase(sallyport_log_lines_dropped_total{process=~"$process"}[5m])',
          '{{process}} {{metric}}': 'increase(sallyport_measurement_failures_total{process=~"$process"}[5m])'
        }
      },
      {
        title: 'Starts and reloads',
        description:
          'In 15 minutes: starts of the process, and settings and files of routes that were taken or refused.',
        unit: 'short',
        queries: {
          '{{process}} starts': 'changes(process_start_time_seconds{process=~"$process"}[15m])',
          '{{process}} settings {{outcome}}':
            'increase(sallyport_configuration_changes_total{process=~"$process"}[15m])',
          '{{process}} settings are refused': 'sallyport_configuration_refused{process=~"$process"}',
          '{{process}} version of settings': 'sallyport_configuration_version{process=~"$process"}',
          '{{process}} routes {{outcome}}': 'increase(sallyport_gateway_routes_reloads_total{process=~"$process"}[15m])'
        }
      },
      {
        title: 'Versions',
        description: 'How many versions of build, policy, route table and settings run under one name.',
        unit: 'short',
        queries: {
          '{{process}} build':
            'count by (process) (count by (process, version) (sallyport_build_info{process=~"$process"}))',
          '{{process}} policy':
            'count by (process) (count by (process, version) (sallyport_policy_info{process=~"$process"}))',
          '{{process}} routes':
            'count by (process) (count by (process, version) (sallyport_routes_info{process=~"$process"}))',
          '{{process}} settings':
            'count by (process) (count by (process, digest) (sallyport_configuration_info{process=~"$process"}))'
        },
        alarmAt: 2
      }
    ]
  },
  {
    title: 'Pools and queues',
    graphs: [
      {
        title: 'Database connections',
        description: 'Used ones as a share of the limit.',
        unit: 'percentunit',
        queries: {
          '{{process}} {{instance}}':
            'sallyport_database_pool_connections{process=~"$process", state="used"} / on (process, instance) sallyport_database_pool_limit'
        },
        alarmAt: 1
      },
      {
        title: 'Work that waits',
        description: 'For a database connection, a connection to another process, or the hash of a password.',
        unit: 'short',
        queries: {
          '{{process}} database': 'sallyport_database_pool_waiting{process=~"$process"}',
          '{{process}} peer {{peer}}': 'sallyport_peer_requests_waiting{process=~"$process"}',
          '{{process}} upstream {{upstream}}': 'sallyport_upstream_requests_waiting{process=~"$process"}',
          '{{process}} passwords': 'sallyport_password_hashes_waiting{process=~"$process"}',
          '{{process}} passwords refused': 'increase(sallyport_password_hashes_refused_total{process=~"$process"}[5m])'
        },
        alarmAt: 1
      },
      {
        title: 'Recovery',
        description: 'Rows with work that was begun and not finished.',
        unit: 'short',
        queries: {
          '{{process}} {{table}}': 'sallyport_recovery_pending{process=~"$process"}',
          '{{process}} {{table}} taken up: {{outcome}}':
            'sum by (process, table, outcome) (increase(sallyport_recovery_rows_total{process=~"$process"}[5m]))'
        },
        alarmAt: 1
      }
    ]
  }
]

/** Whether the security stages work, and whether somebody works on them. */
export const SECURITY_SECTIONS: readonly DashboardSection[] = [
  {
    title: 'Callers',
    graphs: [
      {
        title: 'Refusals by reason',
        description: 'A second, of all stages.',
        unit: 'reqps',
        queries: {
          '{{process}} {{stage}}: {{reason}}': `sum by (process, stage, reason) (rate(${EVENTS}{process=~"$process", outcome="denied"}[5m]))`
        },
        alarmAt: 1
      },
      {
        title: 'Failures of security stages',
        description: 'A second: ours and not the caller’s, such as an authorization server that is away.',
        unit: 'reqps',
        queries: {
          '{{process}} {{stage}}: {{reason}}': `sum by (process, stage, reason) (rate(${EVENTS}{process=~"$process", outcome="failure"}[5m]))`
        }
      },
      {
        title: 'Logins',
        description: 'A second, by how they ended.',
        unit: 'reqps',
        queries: {
          '{{process}} {{outcome}}: {{reason}}': `sum by (process, outcome, reason) (rate(${EVENTS}{process=~"$process", stage="session"}[5m]))`
        }
      },
      {
        title: 'Tokens used twice',
        description: 'Refresh tokens and codes that somebody used a second time, in 15 minutes.',
        unit: 'short',
        queries: {
          '{{process}} {{reason}}': `sum by (process, reason) (increase(${EVENTS}{process=~"$process", outcome="denied", reason=~"refresh-token-reused|code-reused"}[15m]))`
        }
      },
      {
        title: 'Refreshes per expiry',
        description: 'Refresh tokens redeemed for each access token that expires; 1 is right.',
        unit: 'short',
        queries: { '{{process}}': 'process:session_refreshes_per_expiry:ratio15m{process=~"$process"}' },
        alarmAt: 1.5
      },
      {
        title: 'Exchanged tokens',
        description: 'Look-ups a second: kept ones, new ones, and those that waited for somebody’s request.',
        unit: 'reqps',
        queries: {
          '{{process}} {{result}}':
            'sum by (process, result) (rate(sallyport_token_exchange_cache_lookups_total{process=~"$process"}[5m]))',
          '{{process}} kept': 'sallyport_token_exchange_cache_entries{process=~"$process"}'
        }
      }
    ]
  },
  {
    title: 'Trust',
    graphs: [
      {
        title: 'Age of signing keys',
        description: 'Since the last good answer of the JWKS endpoint. Keys are given up after an hour.',
        unit: 's',
        queries: { '{{process}} {{instance}}': 'sallyport_key_set_age_seconds{process=~"$process"}' },
        alarmAt: 900
      },
      {
        title: 'Age of status lists',
        description:
          'The oldest list that is followed: how long no revocation was heard of. Tokens are refused from 300 s on.',
        unit: 's',
        queries: {
          '{{process}} {{instance}}': 'sallyport_status_list_age_seconds{process=~"$process"}',
          '{{process}} {{instance}} lists': 'sallyport_status_lists_followed{process=~"$process"}'
        },
        alarmAt: 120
      },
      {
        title: 'Days until certificates expire',
        description: 'The first one to expire of each chain and of each set of authorities.',
        unit: 'd',
        queries: {
          '{{process}} {{certificate}}':
            'min by (process, certificate) ((sallyport_certificate_expiry_timestamp_seconds{process=~"$process"} - time()) / 86400)'
        }
      }
    ]
  },
  {
    title: 'Audit trail',
    graphs: [
      {
        title: 'Lag',
        description: 'Age of the oldest row without a seal, and how long the sealer has been silent.',
        unit: 's',
        queries: {
          '{{process}} oldest row': 'sallyport_audit_lag_seconds{process=~"$process"}',
          '{{process}} sealer': 'sallyport_audit_sealer_silent_seconds{process=~"$process"}'
        },
        alarmAt: 60
      },
      {
        title: 'Rows',
        description: 'Without a seal, and waiting for the insert under way.',
        unit: 'short',
        queries: {
          '{{process}} without a seal': 'sallyport_audit_unsealed_rows{process=~"$process"}',
          '{{process}} waiting': 'sallyport_audit_rows_waiting{process=~"$process"}'
        }
      },
      {
        title: 'Rows that were not written',
        description: 'In 5 minutes; each is a request that was answered 503.',
        unit: 'short',
        queries: {
          '{{process}} refused': 'increase(sallyport_audit_rows_refused_total{process=~"$process"}[5m])',
          '{{process}} given up': 'increase(sallyport_audit_writes_given_up_total{process=~"$process"}[5m])'
        }
      },
      {
        title: 'Rows outside the trail',
        description: 'Kept on a disk for it, and left out in 5 minutes, as their class declares.',
        unit: 'short',
        queries: {
          '{{process}} kept': 'sallyport_audit_rows_kept{process=~"$process"}',
          '{{process}} left out': 'increase(sallyport_audit_rows_dropped_total{process=~"$process"}[5m])'
        }
      },
      {
        title: 'Checkpoints',
        description: 'How long none was signed, and how long ago the whole trail was found right.',
        unit: 's',
        queries: {
          '{{process}} without a checkpoint': 'sallyport_audit_checkpoint_silent_seconds{process=~"$process"}',
          '{{process}} verified': 'sallyport_audit_verified_age_seconds{process=~"$process"}'
        }
      },
      {
        title: 'Problems of the trail',
        description: 'Whether the last pass over the trail found something wrong.',
        unit: 'short',
        queries: { '{{process}}': 'sallyport_audit_verification_problems{process=~"$process"}' },
        alarmAt: 1
      },
      {
        title: 'Push lag',
        description: 'How long ago the oldest row was sealed that the receiver of the trail does not have.',
        unit: 's',
        queries: { '{{process}}': 'sallyport_audit_push_lag_seconds{process=~"$process"}' },
        alarmAt: 300
      },
      {
        title: 'Rows pushed',
        description: 'In 5 minutes; refused ones are replaced by rows without text. Waiting: not pushed yet.',
        unit: 'short',
        queries: {
          '{{process}} pushed': 'increase(sallyport_audit_rows_pushed_total{process=~"$process"}[5m])',
          '{{process}} waiting': 'sallyport_audit_push_waiting_rows{process=~"$process"}',
          '{{process}} failures': 'increase(sallyport_audit_push_failures_total{process=~"$process"}[5m])',
          '{{process}} refused': 'increase(sallyport_audit_push_refused_rows_total{process=~"$process"}[5m])'
        }
      },
      {
        title: 'Old rows',
        description: 'Removed in an hour, and kept because they were not pushed yet.',
        unit: 'short',
        queries: {
          '{{process}} removed': 'increase(sallyport_audit_rows_pruned_total{process=~"$process"}[1h])',
          '{{process}} postponed': 'sallyport_audit_prune_postponed_rows{process=~"$process"}'
        }
      },
      {
        title: 'Without a run of the pruning',
        description: 'How long nobody looked for old rows.',
        unit: 's',
        queries: { '{{process}}': 'sallyport_audit_pruning_silent_seconds{process=~"$process"}' },
        alarmAt: 86_400
      }
    ]
  },
  {
    title: 'Alerts',
    graphs: [
      {
        title: 'Alerts',
        description: 'Firing ones. Each has a page in docs/runbooks.',
        unit: 'short',
        queries: { '{{severity}}: {{alertname}} {{process}}': 'ALERTS{alertstate="firing", process=~"$process"}' }
      }
    ]
  }
]
