#!/usr/bin/env bash
# What it costs to compile programs that use troupe, at -O0, as CPU time: the README's program and a
# server that handles 64 types; next to each the same with CAF where that is installed.
# Usage: time.sh COST_OF BUILD_DIR, with the compiler in CXX.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
cost_of=$1
work=$(mkdir -p "$2" && cd "$2" && pwd)
handled=64

program_of_readme() {
  awk '/^```cpp/ {inside = 1; block = ""; next}
       /^```/ {if (inside && block ~ /int main/) {printf "%s", block; exit} inside = 0}
       inside {block = block $0 "\n"}' "$root/README.md"
}

# Half of the types are requests; all have two fields.
troupe_server() {
  local i all=()
  echo '#include <troupe/troupe.hpp>'
  for ((i = 0; i < handled; ++i)); do
    echo "struct m$i {$( ((i % 2)) || echo ' using reply = int;') int number; std::string text; };"
    all+=("m$i")
  done
  echo "class wide : public troupe::server { public: using handles = troupe::messages<"
  (IFS=,; echo "${all[*]}>;")
  for ((i = 0; i < handled; ++i)); do
    if ((i % 2)); then echo "  void handle(m$i m) { sum_ += m.number; }"
    else echo "  int handle(m$i m) { return m.number; }"; fi
  done
  echo ' private: int sum_ = 0; };'
  echo 'int main() { troupe::system system; auto w = system.spawn<wide>();'
  echo '  system.send(w, m1{1, "one"}); return system.call(w, m0{0, "nought"}); }'
}

caf_server() {
  local i
  echo '#include <caf/all.hpp>'
  echo '#include <string>'
  for ((i = 0; i < handled; ++i)); do
    echo "struct m$i { int number; std::string text; };"
    echo "template <class Inspector> typename Inspector::result_type inspect(Inspector& f, m$i& m) {"
    echo "  return f(caf::meta::type_name(\"m$i\"), m.number, m.text); }"
  done
  echo 'struct sum_state { int sum = 0; };'
  echo 'caf::behavior wide(caf::stateful_actor<sum_state>* self) { return {'
  for ((i = 0; i < handled; ++i)); do
    ((i == 0)) || echo '  ,'
    if ((i % 2)); then echo "  [=](const m$i& m) { self->state.sum += m.number; }"
    else echo "  [=](const m$i& m) { return m.number; }"; fi
  done
  echo '}; }'
  echo 'struct config : caf::actor_system_config { config() {'
  for ((i = 0; i < handled; ++i)); do echo "  add_message_type<m$i>(\"m$i\");"; done
  echo '} };'
  echo 'void caf_main(caf::actor_system& system, const config&) {'
  echo '  auto w = system.spawn(wide); caf::anon_send(w, m1{1, "one"}); }'
  echo 'CAF_MAIN()'
}

compile() { # what, C++ standard, source, most seconds and MB if there is a target
  local cost seconds mb verdict=''
  if ! cost=$("$cost_of" "$CXX" "-std=$2" -O0 -c "$3" -o "$work/compiled.o" \
    "-I$root/core/include" 2>"$work/errors"); then
    echo "$1 does not compile:" && head -5 "$work/errors" && return 1
  fi
  read -r seconds mb <<<"$cost"
  if [[ -n ${4:-} ]]; then
    verdict=$(awk -v s="$seconds" -v m="$mb" -v most_s="$4" -v most_m="$5" 'BEGIN {
      printf "under %s s, %s MB: %s", most_s, most_m, s < most_s && m < most_m ? "met" : "MISSED" }')
  fi
  printf '%-44s %8s %8s  %s\n' "$1" "$seconds" "$mb" "$verdict"
}

program_of_readme >"$work/readme.cpp"
troupe_server >"$work/troupe_server.cpp"
caf_server >"$work/caf_server.cpp"
printf '%-44s %8s %8s  %s\n' "compile time, $(basename "$CXX") -O0" 'CPU s' 'peak MB' target
compile "the README's program" c++20 "$work/readme.cpp" 2 500
[[ ! -e /usr/include/caf/all.hpp ]] || compile '  the same with CAF' c++17 "$here/caf_counter.cpp"
compile "a server that handles $handled types" c++20 "$work/troupe_server.cpp" 3 500
[[ ! -e /usr/include/caf/all.hpp ]] || compile '  the same with CAF' c++17 "$work/caf_server.cpp"
