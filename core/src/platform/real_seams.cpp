#include <troupe/seams.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

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
  static spdlog::level::level_enum translate(log_level level) noexcept {
    switch (level) {
      case log_level::debug: return spdlog::level::debug;
      case log_level::info: return spdlog::level::info;
      case log_level::warning: return spdlog::level::warn;
      case log_level::error: return spdlog::level::err;
    }
    return spdlog::level::err;
  }
  spdlog::logger logger_;
};

}  // namespace

std::shared_ptr<clock> make_real_clock() { return std::make_shared<real_clock>(); }
std::shared_ptr<entropy> make_real_entropy() { return std::make_shared<real_entropy>(); }
std::shared_ptr<log_sink> make_stderr_log(log_level lowest) {
  return std::make_shared<stderr_log>(lowest);
}

}  // namespace troupe
