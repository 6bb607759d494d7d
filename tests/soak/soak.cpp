#include "soak.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

namespace soak {

void run::line(std::string_view what, double value, std::string_view unit,
               const std::string& verdict) {
  std::printf("%-12s %-58.*s %12.3f %-10.*s %s\n", name_.c_str(), static_cast<int>(what.size()),
              what.data(), value, static_cast<int>(unit.size()), unit.data(), verdict.c_str());
  std::fflush(stdout);
}

void run::figure(std::string_view what, double value, std::string_view unit) {
  line(what, value, unit, "");
}

void run::judge(std::string_view what, double value, std::string_view unit, bool good,
                std::string_view bound, double limit) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %g", std::string(bound).c_str(), limit);
  line(what, value, unit, (good ? "ok, " : "MISSED, ") + std::string(text));
  held_ = held_ && good;
}

void run::at_most(std::string_view what, double value, double most, std::string_view unit) {
  judge(what, value, unit, value <= most, "at most", most);
}
void run::at_least(std::string_view what, double value, double least, std::string_view unit) {
  judge(what, value, unit, value >= least, "at least", least);
}
void run::soon(std::string_view what, double value, double most, std::string_view unit) {
  full_ ? at_most(what, value, most, unit) : figure(what, value, unit);
}
void run::fast(std::string_view what, double value, double least, std::string_view unit) {
  full_ ? at_least(what, value, least, unit) : figure(what, value, unit);
}

namespace {

std::int64_t descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

}  // namespace

std::int64_t resident_bytes_of(int os_process) {
  std::ifstream statm("/proc/" + std::to_string(os_process) + "/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

double processor_seconds_of(int os_process) {
  std::ifstream stat("/proc/" + std::to_string(os_process) + "/stat");
  std::string field;
  while (stat >> field && field.back() != ')') {
  }
  constexpr int fields_before = 11;  // the times of user and system stand behind these
  for (int i = 0; i < fields_before; ++i) stat >> field;
  double user = 0;
  double system = 0;
  stat >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

holdings holdings_of(const troupe::system& of) {
  const auto counts = of.counts();
  return {.processes = counts.processes,
          .timers = counts.timers,
          .links = counts.links,
          .monitors = counts.monitors,
          .names = counts.names,
          .queued = of.message_counts().queued(),
          .descriptors = descriptors(),
          .resident_bytes = resident_bytes_of(::getpid())};
}

double mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void compare(run& to, const std::string& where, const holdings& before, const holdings& after,
             std::int64_t slack_bytes) {
  const auto same = [&](const char* what, std::int64_t holdings::* member) {
    to.at_most(where + ": more " + what + " than before",
               static_cast<double>(after.*member - before.*member), 0, "");
  };
  same("processes", &holdings::processes);
  same("timers", &holdings::timers);
  same("links", &holdings::links);
  same("monitors", &holdings::monitors);
  same("names", &holdings::names);
  same("messages in mailboxes", &holdings::queued);
  same("descriptors", &holdings::descriptors);
  to.soon(where + ": resident memory has grown by",
          mib(after.resident_bytes - before.resident_bytes), mib(slack_bytes), "MiB");
}

holdings settled(const troupe::system& of, const holdings& before) {
  constexpr int tries = 6000;
  const auto rests = [&](const holdings& now) {
    return now.processes <= before.processes && now.timers <= before.timers &&
           now.links <= before.links && now.monitors <= before.monitors &&
           now.queued <= before.queued &&
           (before.descriptors == 0 || now.descriptors <= before.descriptors);
  };
  holdings now = holdings_of(of);
  for (int i = 0; i < tries && !rests(now); ++i) {
    std::this_thread::sleep_for(10ms);
    now = holdings_of(of);
  }
  return now;
}

double ms(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double quantile(std::vector<double>& all, double part) {
  std::ranges::sort(all);
  const auto at = static_cast<std::size_t>(part * static_cast<double>(all.size()));
  return all.at(std::min(at, all.size() - 1));
}

std::string cookie() { return "the cookie of troupe-soak, of no use"; }

namespace {

// Errors, but for the peers that are killed.
class errors_not_meant final : public troupe::log_sink {
 public:
  void write(troupe::log_level level, std::string_view text) noexcept override {
    if (text.find("ended by signal 9") == std::string_view::npos) errors_->write(level, text);
  }

 private:
  std::shared_ptr<troupe::log_sink> errors_ = troupe::make_stderr_log(troupe::log_level::error);
};

troupe::net::node_options with_defaults(troupe::net::node_options options) {
  if (options.name.empty()) options.name = "home@127.0.0.1:0";
  options.cookie = cookie();
  return options;
}

}  // namespace

troupe::system_options quiet() { return {.log = std::make_shared<errors_not_meant>()}; }

home_node::home_node(troupe::net::node_options options)
    : system(quiet()), node(system, with_defaults(std::move(options))) {}

}  // namespace soak
