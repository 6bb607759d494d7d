#include <troupe/seams.hpp>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include "message/json.hpp"

#include <cerrno>
#include <ctime>
#include <random>
#include <system_error>

namespace troupe {
namespace {

class real_clock final : public clock {
 public:
  steady_time now() const noexcept override { return std::chrono::steady_clock::now(); }
  steady_time coarse() const noexcept override {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);  // steady_clock's, as of the last tick
    return steady_time(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
  // A tick is 10 ms at most; the rest is for a machine that is late with it.
  std::chrono::nanoseconds lag() const noexcept override { return std::chrono::milliseconds(50); }
  std::chrono::system_clock::time_point wall() const noexcept override {
    return std::chrono::system_clock::now();
  }
};

class real_entropy final : public entropy {
 public:
  void secret(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0)
        throw std::system_error(errno, std::generic_category(),
                                "troupe: the system gives no random bytes");
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }
  std::uint64_t cheap() noexcept override {
    thread_local std::mt19937_64 bits{std::random_device{}()};
    return bits();
  }
};

spdlog::level::level_enum translate(log_level level) noexcept {
  switch (level) {
    case log_level::debug: return spdlog::level::debug;
    case log_level::info: return spdlog::level::info;
    case log_level::warning: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

class stderr_log final : public log_sink {
 public:
  explicit stderr_log(log_level lowest)
      : logger_("troupe", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {
    logger_.set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    logger_.set_level(translate(lowest));
  }
  void write(log_level level, std::string_view text) noexcept override {
    logger_.log(translate(level), spdlog::string_view_t(text.data(), text.size()));
  }

 private:
  spdlog::logger logger_;
};

class json_log final : public log_sink {
 public:
  json_log(log_level lowest, spdlog::sink_ptr where) : logger_("troupe", std::move(where)) {
    logger_.set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                        spdlog::pattern_time_type::utc);
    logger_.set_level(translate(lowest));
    logger_.flush_on(spdlog::level::trace);  // a crash of the program loses no line
  }
  void write(log_level level, std::string_view text) noexcept override {
    write_report({.level = level, .kind = {}, .text = text, .fields = {}});
  }
  void write_report(const report& what) noexcept override {
    const auto level = translate(what.level);
    if (!logger_.should_log(level)) return;
    try {
      logger_.log(level, members_of(what));
    } catch (...) {  // no memory for the text: the report is lost, its cause is not
      logger_.log(level, R"("text":"troupe: a report could not be written")");
    }
  }

 private:
  static std::string members_of(const report& what) {
    std::string out = "\"text\":" + internal::to_json(what.text);
    if (!what.kind.empty()) out += ",\"report\":" + internal::to_json(what.kind);
    for (const auto& [name, value] : what.fields) {
      out += ',' + internal::to_json(name) + ':';
      if (const auto* text = std::get_if<std::string>(&value))
        out += internal::to_json(*text);
      else
        out += std::to_string(std::get<std::uint64_t>(value));
    }
    return out;
  }
  spdlog::logger logger_;
};

}  // namespace

std::shared_ptr<clock> make_real_clock() { return std::make_shared<real_clock>(); }
std::shared_ptr<entropy> make_real_entropy() { return std::make_shared<real_entropy>(); }
std::shared_ptr<log_sink> make_stderr_log(log_level lowest) {
  return std::make_shared<stderr_log>(lowest);
}
std::shared_ptr<log_sink> make_json_log(log_level lowest, const std::string& file) {
  if (file.empty())
    return std::make_shared<json_log>(lowest, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  try {
    return std::make_shared<json_log>(lowest,
                                      std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
  } catch (const spdlog::spdlog_ex& e) {
    throw std::runtime_error(fmt::format("troupe: the log cannot be written: {}", e.what()));
  }
}

}  // namespace troupe
