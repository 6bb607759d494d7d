#include "simulation/history.hpp"

#include "process/internal_signals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace troupe::sim::internal {

namespace {

// Signals are not described by reflection: nobody but the runtime sees them.
std::string_view name_of(const message_type* type) {
  static const std::pair<const message_type*, std::string_view> signals[] = {
      {&message_type_of<troupe::internal::exit_sent>, "EXIT"},
      {&message_type_of<troupe::internal::link_sent>, "LINK"},
      {&message_type_of<troupe::internal::unlink_sent>, "UNLINK"},
      {&message_type_of<troupe::internal::unlink_ack_sent>, "UNLINK_ACK"},
      {&message_type_of<troupe::internal::monitor_sent>, "MONITOR"},
      {&message_type_of<troupe::internal::demonitor_sent>, "DEMONITOR"},
      {&message_type_of<troupe::internal::down_sent>, "DOWN"},
      {&message_type_of<troupe::internal::timeout_sent>, "TIMEOUT"},
      {&message_type_of<troupe::internal::completion_sent>, "COMPLETION"},
  };
  if (type != nullptr && type->value != nullptr) return type->value->name;
  for (const auto& [of, name] : signals)
    if (of == type) return name;
  return "?";
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
                       std::string text, const message_type* type) {
  keep({when, what, host, who, other, type, std::move(text)});
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
  // A closure is called by its file and line.
  if (const auto at = behaviour.find("lambda at "); at != behaviour.npos) {
    behaviour.remove_prefix(std::max(at + 10, behaviour.rfind('/') + 1));
    behaviour = behaviour.substr(0, behaviour.rfind(':'));
  }
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
    case happening::sent:
      return fmt::format("{:<34} --{}--> {}", e.other ? other : "(from outside)", name_of(e.type),
                         who);
    case happening::sent_away:
      return fmt::format("{:<34} --{}--> {}", who, name_of(e.type), e.text);
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

// The format: "Trace Event Format", as chrome://tracing and ui.perfetto.dev read it. Times in us;
// a node is what is a process there, and a process is a thread.
std::string history::trace_json() const {
  std::string out = "{\"traceEvents\":[\n";
  std::map<std::pair<std::uint32_t, pid>, std::size_t> tracks;
  const auto host_number = [&](std::uint32_t host) { return host < hosts_.size() ? host + 1 : 0; };
  const auto name_track = [&](std::string_view what, std::size_t host, std::size_t track,
                              std::string_view name) {
    out += fmt::format(R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":"{}"}}}},)"
                       "\n",
                       what, host, track, escaped(name));
  };
  // A track for each process, named where it is first seen.
  const auto place = [&](std::uint32_t host, pid who, steady_time when, double later_us) {
    const auto [at, fresh] = tracks.try_emplace({host, who}, tracks.size() + 1);
    if (fresh) name_track("thread_name", host_number(host), at->second, process_text(host, who));
    return fmt::format(R"("pid":{},"tid":{},"ts":{:.3f})", host_number(host), at->second,
                       static_cast<double>(when.time_since_epoch().count()) / 1000.0 + later_us);
  };
  name_track("process_name", 0, 0, "world");
  for (std::uint32_t h = 0; h < hosts_.size(); ++h)
    name_track("process_name", host_number(h), 0, hosts_[h]);
  std::size_t number = 0;
  for (const entry& e : entries_) {
    ++number;
    if (e.what == happening::sent) {
      const std::string from = place(e.host, e.other, e.when, 0);
      const std::string to = place(e.host, e.who, e.when, 0.4);
      out += fmt::format(R"({{"ph":"X","dur":0.4,"name":"send {0}",{1}}},)"
                         "\n"
                         R"({{"ph":"s","id":{2},"name":"{0}","cat":"message",{1}}},)"
                         "\n"
                         R"({{"ph":"f","bp":"e","id":{2},"name":"{0}","cat":"message",{3}}},)"
                         "\n",
                         escaped(name_of(e.type)), from, number, to);
      continue;
    }
    const std::string at = place(e.host, e.who, e.when, 0);
    if (e.what == happening::received)
      out += fmt::format(R"({{"ph":"X","dur":0.4,"name":"{}",{}}},)"
                         "\n",
                         escaped(name_of(e.type)), at);
    else
      out += fmt::format(R"({{"ph":"i","s":"t","name":"{}",{}}},)"
                         "\n",
                         escaped(line(e)), at);
  }
  out.resize(out.size() - 2);  // the last comma
  out += "]}\n";
  return out;
}

}  // namespace troupe::sim::internal
