-- The requests of one measurement for wrk: GET of the paths in a file, in turn, or POST of new books.
-- Environment: LOAD_PATHS (file, one path a line) or LOAD_FIRST (number of the first new book), LOAD_TOKEN, LOAD_ETAG,
-- LOAD_PAUSE (milliseconds that a client waits before its next request, on average).
local requests, position = {}, 0
local number = tonumber(os.getenv("LOAD_FIRST") or "")

-- Its author, genre and format are there: no command has to add one. benchmarks/driver.py writes the same book.
local BOOK = '{"isbn":"%s","title":"Velvet Lantern of %s","authors":["Victor Hugo"],"genre":"Fiction","format":"Paperback",'
  .. '"year":2012,"price":"14.99","stock":66}'

-- Thirteen digits from a number of nine; the check digit as in the ISBN Users' Manual, 7th edition, section 5.
local function make_isbn(n)
  local digits, sum = string.format("979%09d", n), 0
  for place = 1, 12 do sum = sum + tonumber(digits:sub(place, place)) * (place % 2 == 1 and 1 or 3) end
  return digits .. (10 - sum % 10) % 10
end

function init()
  if os.getenv("LOAD_TOKEN") then wrk.headers["Authorization"] = "Bearer " .. os.getenv("LOAD_TOKEN") end
  if os.getenv("LOAD_ETAG") then wrk.headers["If-None-Match"] = os.getenv("LOAD_ETAG") end
  if number then
    wrk.headers["Content-Type"] = "application/json"
    return
  end
  for path in io.lines(os.getenv("LOAD_PATHS")) do requests[#requests + 1] = wrk.format("GET", path) end
end

function request()
  if number then
    local isbn = make_isbn(number)
    number = number + 1
    return wrk.format("POST", "/api/books", nil, string.format(BOOK, isbn, isbn))
  end
  position = position % #requests + 1
  return requests[position]
end

-- wrk waits even when told to wait for 0 ms, so there is no such function where none is asked for.
if os.getenv("LOAD_PAUSE") then
  local longest = 2 * tonumber(os.getenv("LOAD_PAUSE"))
  function delay() return math.random(0, longest) end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50_us": %d, "p99_us": %d}',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)
  ))
end
