#!/usr/bin/env bash
# Question:      an answer took 2.5 times the interval at which a user usually sends. How many values does
#                HdrHistogram's correction for coordinated omission add to it?
# Tempting guess: every port adds the same: 1.5 intervals, and nothing below one interval, as the Java original stops
#                while the missing value is still at least the expected interval.
# Versions:      hdrhistogram 0.10.8 (PyPI), hdr-histogram-js 3.0.1 (npm).
# Behaviour:     the Python port also adds the half interval that is left; the JavaScript port stops as Java does. So
#                percentiles corrected by the two differ, the more the more answers are only a little too late.
# Output seen:   python: 3 values, the smallest 500
#                javascript: 2 values, the smallest 1500
set -Eeuo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet hdrhistogram==0.10.8
npm install --silent --no-audit --no-fund hdr-histogram-js@3.0.1 >/dev/null

cat >ask.py <<'PY'
from hdrh.histogram import HdrHistogram

histogram = HdrHistogram(1, 60_000_000, 3)
histogram.record_corrected_value(2500, 1000)
print(f"python: {histogram.get_total_count()} values, the smallest {histogram.get_min_value()}")
PY
cat >ask.js <<'JS'
const histogram = require("hdr-histogram-js").build({ numberOfSignificantValueDigits: 3 });
histogram.recordValueWithExpectedInterval(2500, 1000);
console.log(`javascript: ${histogram.totalCount} values, the smallest ${histogram.minNonZeroValue}`);
JS
seen=$(venv/bin/python ask.py && node ask.js)
echo "$seen"
[[ $seen == $'python: 3 values, the smallest 500\njavascript: 2 values, the smallest 1500' ]]
