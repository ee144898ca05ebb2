"""Values that a careless service stumbles over: as JSON, in a path or query, and in a header."""

RAW_VALUES = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "a number beyond any float": "1e400",
    "a number below any float": "1e-400",
    "a number of 5,000 digits": "9" * 5000,
    "a fraction of 5,000 digits": "0." + "9" * 5000,
    "5,000 digits in a string": f'"{"9" * 5000}"',
    "an exponent in a string": '"1e999999999"',
    "a lone surrogate": '"\\ud800 of tests"',
    "a pair of low surrogates": '"\\udc00\\udc00"',
    "a NUL": '"before\\u0000after"',
    "a list of a NUL": '["\\u0000"]',
    "a list of a lone surrogate": '["\\udfff"]',
    "lists nested deep": "[" * 7000 + "]" * 7000,
    "objects nested deep": '{"a":' * 2000 + "1" + "}" * 2000,
    "lists never closed": "[" * 15000,
    "a quote": '"o\'clock"',
    "SQL": '"x\'; DROP TABLE books; -- "',
    "SQL with a backslash": '"\\\\\' OR 1=1 -- "',
    "a command of the mysql client": '"Delimiter Theory: it\'s a guide; for all"',
    "a header": '"x\\r\\nSet-Cookie: a=b"',
    "a path": '"../../../../etc/passwd"',
    "a template": '"{{7*7}}${7*7}%s%n"',
    "an emoji of many parts": '"👩‍👩‍👧‍👦"',
    "right to left": '"\\u202eabc"',
    "a minus zero": "-0.0",
}
# In a path or a query.
ODD = [
    "%00",
    "%FF",
    "%ED%A0%80",
    "x" * 3000,
    "%27",
    "%27%20OR%201%3D1",
    "%0d%0aX-Evil:%20y",
    "..%2F..%2Fetc",
    "%E2%80%AE",
    "[]",
    "%",
]
# Of a header.
VALUES = [b"", b"\xff", b"x" * 4000, b'"', b'W/"1', b",,,", b"*, *", b'"1"' * 500, b"99999999999999999999", b"'"]
HEADERS = ["If-None-Match", "If-Match", "Idempotency-Key", "Cache-Control", "Accept", "Accept-Encoding"]
