#include "simulation/history.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::sim::internal {

namespace {

std::string_view name_of(const message_type* type) {
  return type == nullptr || type->value == nullptr ? std::string_view("?") : type->value->name;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string time_text(steady_time when) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch());
  return fmt::format("{}.{:06}", us.count() / 1'000'000, us.count() % 1'000'000);
}

void history::mix(std::uint64_t value) noexcept {
  hash_ = (hash_ ^ value) * 0x9fb21c651e98df25u;
  hash_ ^= hash_ >> 32;
}

std::uint64_t history::type_hash(const message_type* type) {
  const auto [at, fresh] = hashes_.try_emplace(type, 0xcbf29ce484222325u);
  if (fresh)
    for (const char c : name_of(type)) {
      at->second ^= static_cast<unsigned char>(c);
      at->second *= 0x100000001b3u;
    }
  return at->second;
}

void history::add(steady_time when, happening what, std::uint32_t host, pid who, pid other,
                  const message_type* type) {
  mix(static_cast<std::uint64_t>(when.time_since_epoch().count()));
  mix(static_cast<std::uint64_t>(what) << 32 | host);
  mix(who.id);
  mix(other.id ^ std::uint64_t{other.node} << 48);
  if (type != nullptr) mix(type_hash(type));
  ++count_;
  if (recording) hashes.push_back(hash_);
  if (differs_ == 0 && count_ <= expected.size() && expected[count_ - 1] != hash_)
    differs_ = count_;
  if (what != happening::turn && what != happening::event)
    keep({when, what, host, who, other, type, {}});
}

void history::add_text(steady_time when, happening what, std::uint32_t host, pid who, pid other,
                       std::string text) {
  keep({when, what, host, who, other, nullptr, std::move(text)});
}

void history::keep(entry e) {
  entries_.push_back(std::move(e));
  if (length_ != 0 && entries_.size() > length_) entries_.pop_front();
}

void history::name_host(std::uint32_t host, std::string name) {
  if (hosts_.size() <= host) {
    hosts_.resize(host + 1);
    processes_.resize(host + 1);
  }
  hosts_[host] = std::move(name);
}

void history::name_process(std::uint32_t host, pid who, std::string_view behaviour) {
  processes_[host].insert_or_assign(who, std::string(behaviour));
}

std::string history::process_text(std::uint32_t host, pid who) const {
  if (host >= hosts_.size()) return "world";
  if (!who) return hosts_[host];
  const auto& known = processes_[host];
  const auto at = known.find(who);
  return fmt::format("{}/{}{}", hosts_[host], at == known.end() ? "" : at->second, to_string(who));
}

std::string history::line(const entry& e) const {
  const std::string who = process_text(e.host, e.who);
  const std::string other = e.other ? process_text(e.host, e.other) : std::string();
  switch (e.what) {
    case happening::spawned:
      return fmt::format("{:<34} * spawned{}", who, e.other ? " by " + other : "");
    case happening::sent: return fmt::format("{:<34} --{}--> {}", other, name_of(e.type), who);
    case happening::received: return fmt::format("{:<34} <- {}", who, name_of(e.type));
    case happening::dropped: return fmt::format("{:<34} x  {} is dropped", who, name_of(e.type));
    case happening::ended: return fmt::format("{:<34} + ended: {}", who, e.text);
    default: return fmt::format("{:<34} # {}", who, e.text);
  }
}

std::string history::diagram(std::size_t lines) const {
  std::string out;
  const std::size_t first = lines == 0 || lines >= entries_.size() ? 0 : entries_.size() - lines;
  for (std::size_t i = first; i < entries_.size(); ++i)
    out += fmt::format("{:>14}  {}\n", time_text(entries_[i].when), line(entries_[i]));
  return out;
}

// The format: "Trace Event Format", as chrome://tracing and ui.perfetto.dev read it. Times in us.
std::string history::trace_json() const {
  std::string out = "{\"traceEvents\":[\n";
  for (std::size_t h = 0; h < hosts_.size(); ++h)
    out += fmt::format(R"({{"ph":"M","name":"process_name","pid":{},"args":{{"name":"{}"}}}},)"
                       "\n",
                       h + 1, escaped(hosts_[h]));
  std::size_t number = 0;
  for (const entry& e : entries_) {
    const auto pid_of_host = e.host < hosts_.size() ? e.host + 1 : 0;
    const double us = static_cast<double>(e.when.time_since_epoch().count()) / 1000.0;
    const std::string at = fmt::format(R"("pid":{},"tid":{},"ts":{:.3f})", pid_of_host,
                                       (e.what == happening::sent ? e.other : e.who).slot(), us);
    ++number;
    if (e.what == happening::sent)
      out += fmt::format(R"({{"ph":"X","dur":0.5,"name":"send {0}",{1}}},)"
                         "\n"
                         R"({{"ph":"s","id":{2},"name":"message","cat":"message",{1}}},)"
                         "\n"
                         R"({{"ph":"f","bp":"e","id":{2},"name":"message","cat":"message",)"
                         R"("pid":{3},"tid":{4},"ts":{5:.3f}}},)"
                         "\n",
                         escaped(name_of(e.type)), at, number, pid_of_host, e.who.slot(), us + 0.5);
    else if (e.what == happening::received)
      out += fmt::format(R"({{"ph":"X","dur":0.5,"name":"{}",{}}},)"
                         "\n",
                         escaped(name_of(e.type)), at);
    else
      out += fmt::format(R"({{"ph":"i","s":"t","name":"{}",{}}},)"
                         "\n",
                         escaped(line(e)), at);
  }
  out += R"({"ph":"M","name":"process_name","pid":0,"args":{"name":"world"}}]})"
         "\n";
  return out;
}

}  // namespace troupe::sim::internal
