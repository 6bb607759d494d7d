# The output of medians.awk -> a chart as SVG: for each workload that a peer has run, how many times
# as much as troupe each peer takes (of a throughput: how small a part it reaches), on a log scale.

BEGIN {
  FS = "\t"
  colours["caf"] = "#d95f02"; colours["erlang"] = "#7570b3"
  left = 170; width = 620; bar = 13; group = 2 * bar + 14; top = 56
}

$3 != "-" && ($4 != "-" || $5 != "-") {
  ++rows
  name[rows] = $1; unit[rows] = $2; own[rows] = $3
  factor[rows, "caf"] = times($4); factor[rows, "erlang"] = times($5)
  shown[rows, "caf"] = $4; shown[rows, "erlang"] = $5
}

END {
  low = 0; high = 1  # powers of ten that the axis begins and ends with
  for (key in factor) {
    if (factor[key] == 0) continue
    while (factor[key] < 10 ^ low) --low
    while (factor[key] > 10 ^ high) ++high
  }
  height = top + rows * group + 20
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" ", left + width + 150, height
  print "font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
  text(left, 18, "start", "Cost as a multiple of troupe&#8217;s (1x, the black line); longer is worse for the peer")
  legend(left, "caf", "CAF"); legend(left + 70, "erlang", "Erlang/OTP")
  for (power = low; power <= high; ++power) line(10 ^ power, power == 0 ? "black" : "#cccccc")
  for (r = 1; r <= rows; ++r) {
    y = top + (r - 1) * group + 6
    text(left - 8, y + bar + 4, "end", name[r])
    draw(r, "caf", y); draw(r, "erlang", y + bar)
  }
  print "</svg>"
}

function times(peer) {
  if (peer == "-" || peer * $3 == 0) return 0
  return $2 ~ /^(messages|MiB)\/s/ ? $3 / peer : peer / $3
}
function at(f) { return left + width * (log(f) / log(10) - low) / (high - low) }
function text(x, y, anchor, what) {
  printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, what
}
function legend(x, peer, title) {
  printf "<rect x=\"%d\" y=\"26\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x, colours[peer]
  text(x + 16, 36, "start", title)
}
function line(f, colour) {
  printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"%s\"/>\n", at(f), at(f), top, height - 18, colour
  text(at(f), height - 4, "middle", f "x")
}
function draw(r, peer, y,    from, to) {
  if (factor[r, peer] == 0) return
  from = at(1); to = at(factor[r, peer])
  printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
         from < to ? from : to, y, from < to ? to - from : from - to, bar - 1, colours[peer]
  text((from < to ? to : from) + 4, y + bar - 3, "start",
       sprintf("%.1fx (%.4g : %.4g %s)", factor[r, peer], shown[r, peer], own[r], unit[r]))
}
