# targets.txt, then the output of medians.awk -> a table for people, with the targets and whether
# they are met. With -v json=yes the same as JSON.

BEGIN {
  split("caf erlang", peers, " ")
  title["caf"] = "CAF"; title["erlang"] = "Erlang"
  if (json) print "{\"figures\": ["
  else printf "%-20s %12s %12s %12s  %-34s %8s %8s  %s\n", "median", "troupe", "CAF", "Erlang", "unit",
              "CAF is", "Erlang is", "targets"
}

FNR == NR {
  if ($0 !~ /^#/ && NF == 3) targets[$1, $2] = $3
  next
}
FNR == 1 { FS = "\t"; $0 = $0 }

{
  for (peer = 4; peer <= 5; ++peer) plain[$1, peer] = $peer
  base = $1; sub(/_tls$/, "", base)
  value["troupe"] = $3; value["caf"] = plain[base, 4]; value["erlang"] = plain[base, 5]
  if (json) print_json()
  else printf "%-20s %12s %12s %12s  %-34s %8s %8s  %s\n", $1, number($3), number(value["caf"]),
              number(value["erlang"]), $2, times("caf"), times("erlang"), judge($1)
}

END {
  if (json) print "\n]}"
  else printf "\n\"CAF is 3.0x\": it takes 3 times as much, or gets through a third.  Targets met: %d of %d\n",
              met, judged
}

# How many times better troupe is; 0 if that is not known.
function ratio(peer) {
  if (value[peer] == "-" || value["troupe"] == "-" || value[peer] * value["troupe"] == 0) return 0
  return $2 ~ /^(messages|MiB)\/s/ ? value["troupe"] / value[peer] : value[peer] / value["troupe"]
}
function times(peer) { return ratio(peer) == 0 ? "-" : sprintf("%.1fx", ratio(peer)) }
function number(v) {
  if (v == "-") return v
  return v >= 1000 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.3f", v)
}

function judge(workload,    text, p, wanted) {
  for (p = 1; p <= 2; ++p)
    if ((workload, peers[p]) in targets && ratio(peers[p]) > 0) {
      wanted = targets[workload, peers[p]]
      text = text sprintf("%s %sx %s, ", title[peers[p]], wanted,
                          verdict(ratio(peers[p]) >= wanted, wanted / ratio(peers[p])))
    }
  if ((workload, "most") in targets && value["troupe"] != "-") {
    wanted = targets[workload, "most"]
    text = text sprintf("<= %s %s", wanted,
                        verdict(value["troupe"] <= wanted, value["troupe"] / wanted))
  }
  sub(/, $/, "", text)
  return text
}
function verdict(holds, factor) {
  ++judged
  met += holds
  return holds ? "met" : sprintf("MISSED by %.2fx", factor)
}

function print_json(    s) {
  if (printed++) print ","
  printf "  {\"workload\": \"%s\", \"unit\": \"%s\"", $1, $2
  for (s in value) if (value[s] != "-") printf ", \"%s\": %s", s, value[s]
  printf ", \"targets\": \"%s\"}", judge($1)
}
