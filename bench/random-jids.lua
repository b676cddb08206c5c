-- wrk: one random user a request. Arguments: the path with %d for the user's number, how many users, the Host header, and
-- the Authorization header or nothing.
local requests = {}
local count

function init(args)
  count = tonumber(args[2])
  math.randomseed(os.time())
  for number = 0, count - 1 do
    requests[number] = wrk.format("GET", args[1]:format(number), { Host = args[3], Authorization = args[4] })
  end
end

function request()
  return requests[math.random(0, count - 1)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"errors":%d,"p99":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(99)
  ))
end
