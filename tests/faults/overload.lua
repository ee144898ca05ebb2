-- GET of the paths in a file, in turn, for wrk; sent at a fixed rate as far as its connections are free.
-- Environment: LOAD_PATHS (file, one path a line), LOAD_TOKEN, LOAD_RATE (requests per second; without it at once).
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long us; } libros_time; int gettimeofday(libros_time *, void *);")
local clock = ffi.new("libros_time")
local threads, requests, position = {}, {}, 0
local rate, due = tonumber(os.getenv("LOAD_RATE") or ""), nil

local function now()
  ffi.C.gettimeofday(clock, nil)
  return tonumber(clock.s) + tonumber(clock.us) / 1e6
end

function setup(thread) threads[#threads + 1] = thread end

function init()
  good, refused, other, slowest_refusal = 0, 0, 0, 0
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("LOAD_TOKEN")
  for path in io.lines(os.getenv("LOAD_PATHS")) do requests[#requests + 1] = wrk.format("GET", path) end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

-- Each request takes the next send time, whichever connection it is on.
function delay()
  if not rate then return 0 end
  local time = now()
  due = math.max(due or time, time - 0.5) + 1 / rate
  return math.max(0, (due - time) * 1000)
end

function response(status)
  if status == 200 then good = good + 1 elseif status == 503 then refused = refused + 1 else other = other + 1 end
end

function done(summary, latency)
  local counts, errors = {good = 0, refused = 0, other = 0}, summary.errors
  for _, thread in ipairs(threads) do
    for name in pairs(counts) do counts[name] = counts[name] + thread:get(name) end
  end
  print(string.format(
    'RESULT {"seconds": %f, "good": %d, "refused": %d, "other": %d, "broken": %d, "slowest": %f}',
    summary.duration / 1e6, counts.good, counts.refused, counts.other,
    errors.connect + errors.read + errors.write + errors.timeout, latency.max / 1e6
  ))
end
