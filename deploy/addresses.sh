#!/usr/bin/env bash
# Tells which address may be let in; sourced by install.sh and gcp.sh.

# True for 198.51.100.4 and 198.51.100.0/24, but for a network of all addresses: that is no restriction.
is_ipv4() {
  local number='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
  [[ $1 =~ ^$number(\.$number){3}(/([1-9]|[12][0-9]|3[0-2]))?$ ]]
}
