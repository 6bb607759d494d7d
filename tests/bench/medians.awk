# JSON lines of troupe-bench and its peers -> a line a workload, with tabs between:
# workload, unit, and the medians of troupe, CAF and Erlang, `-` where there is none.

BEGIN { FS = "\""; CONVFMT = "%.10g"; split("troupe caf erlang", systems, " ") }

/^\{"system":/ {
  system_name = $4; sub(/-.*/, "", system_name)
  value = $11; gsub(/[:,]/, "", value)
  if (!($8 in units)) order[++workloads] = $8
  # A peer may name the unit otherwise: troupe's counts.
  if (!($8 in units) || system_name == "troupe") units[$8] = $14
  key = $8 SUBSEP system_name
  values[key, ++counts[key]] = value + 0
}

END {
  for (w = 1; w <= workloads; ++w) {
    line = order[w] "\t" units[order[w]]
    for (s = 1; s <= 3; ++s) line = line "\t" median(order[w] SUBSEP systems[s])
    print line
  }
}

function median(key,    n, i, k, moved) {
  n = counts[key]
  if (n == 0) return "-"
  for (i = 2; i <= n; ++i) {  # insertion sort: there are a few
    moved = values[key, i]
    for (k = i - 1; k >= 1 && values[key, k] > moved; --k) values[key, k + 1] = values[key, k]
    values[key, k + 1] = moved
  }
  if (n % 2 == 1) return values[key, (n + 1) / 2]
  return (values[key, n / 2] + values[key, n / 2 + 1]) / 2
}
