-- Arguments: a file with one header line for each caller, and with which of them to begin.
local requests = {}
local at = 0

function init(args)
  for line in io.lines(args[1]) do
    local name, value = line:match('^([^:]+): (.*)$')
    requests[#requests + 1] = wrk.format('GET', '/orders/1', {
      [name] = value,
      ['Host'] = 'localhost',
      ['Accept'] = 'application/json',
      ['User-Agent'] = 'wrk'
    })
  end
  at = tonumber(args[2]) % #requests
end

function request()
  at = at + 1
  if at > #requests then at = 1 end
  return requests[at]
end

function done(summary)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests":%d,"micros":%d,"refused":%d,"broken":%d}',
    summary.requests,
    summary.duration,
    errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
