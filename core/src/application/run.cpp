#include <troupe/application.hpp>
#include <troupe/supervisor_requests.hpp>

#include "platform/program.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe {
namespace {

struct get_failure {  // why the tree has ended by itself; empty if an application did, as it should
  using reply = std::string;
};

// Sees the applications and their tree end, and wakes the main thread when the tree has.
class boot_watch : public server {
 public:
  using handles = messages<down, get_failure>;
  boot_watch(pid tree, const std::vector<application_state>& all, std::vector<std::string> matter,
             std::function<void()> wake)
      : tree_(self.monitor(tree)), wake_(std::move(wake)) {
    for (const application_state& a : all)
      if (std::ranges::find(matter, a.name) != matter.end())
        tops_.emplace_back(self.monitor(a.top), a.name);
  }
  // In no order: the others stop because of one that has ended, and may be heard of before it.
  void handle(const down& ended) {
    if (ended.ref == tree_) {
      tree_has_ended_ = true;
      if (!ended.reason.expected() && unseen_.empty())
        unseen_ = fmt::format("the tree of applications ended with {}", to_string(ended.reason));
    }
    const auto top =
        std::ranges::find(tops_, ended.ref, &std::pair<monitor_ref, std::string>::first);
    if (top != tops_.end()) {
      note_end(top->second, ended.reason);
      tops_.erase(top);
    }
    if (tree_has_ended_ && tops_.empty()) wake_();
  }
  std::string handle(get_failure) { return failure_.empty() ? unseen_ : failure_; }

 private:
  void note_end(const std::string& name, const exit_reason& why) {
    if (why == exit_reason::noproc)  // with what it ended is in the supervisor's report only
      unseen_ = fmt::format(
          "the application {} ended as soon as it had started; the log says with what", name);
    else if (!why.expected() && failure_.empty())
      failure_ = fmt::format("the application {} ended with {}", name, to_string(why));
  }

  monitor_ref tree_;
  std::function<void()> wake_;
  std::vector<std::pair<monitor_ref, std::string>> tops_;
  bool tree_has_ended_ = false;
  std::string failure_;
  std::string unseen_;  // if that tells nothing
};

// Those whose failure is the program's.
std::vector<std::string> names_that_matter(const std::vector<application>& applications) {
  std::vector<std::string> names;
  for (const application& a : applications)
    if (a.options().type != restart_type::temporary) names.push_back(a.name());
  return names;
}

class program {
 public:
  program(const std::shared_ptr<log_sink>& log, const boot_options& how, system_options options)
      : log_(log), how_(how), system_(std::move(options)) {}

  exit_code run(std::vector<application> applications) {
    auto matter = names_that_matter(applications);
    try {
      tree_ = boot(system_, std::move(applications), how_);
      const auto running = which_applications(system_, tree_);
      const auto watch = system_.spawn<boot_watch>(tree_.id(), running, std::move(matter),
                                                   [this] { signals_.wake(); });
      (void)system_.call(watch, get_failure{});  // it watches
      std::string names;
      for (const application_state& a : running) names += (names.empty() ? "" : ", ") + a.name;
      log_->write(log_level::info, "started: " + names);
      return wait_for_end(watch);
    } catch (const start_failed& failed) {
      return say(exit_code::failed, failed.what());
    } catch (const call_error& gone) {  // they have ended before they could be watched
      return say(exit_code::failed, gone.what());
    }
  }

 private:
  exit_code wait_for_end(ref<boot_watch> watch) {
    const auto signal = signals_.wait(infinity);
    if (signal && *signal != 0) {
      log_->write(log_level::info, fmt::format("stopping by signal {}", *signal));
      stop();
      return exit_code::clean;
    }
    const std::string failure = system_.call(watch, get_failure{});
    return failure.empty() ? exit_code::clean : say(exit_code::failed, failure);
  }
  void stop() {
    system_.exit(tree_, exit_reason::shutdown);
    if (signals_.wait(how_.stop_within)) return;
    std::string text = "the applications did not stop in time (boot_options::stop_within):\n";
    log_->write(log_level::error, text + system_.tree());
    internal::end_program(static_cast<int>(exit_code::not_stopped));
  }
  exit_code say(exit_code code, std::string_view why) {
    log_->write(log_level::error, why);
    return code;
  }

  const std::shared_ptr<log_sink> log_;
  const boot_options& how_;
  internal::stop_signals signals_;
  system system_;  // ends before the signals do: its processes wake them
  supervisor_ref tree_;
};

}  // namespace

int run_applications(std::vector<application> applications, const boot_options& how,
                     system_options options) {
  if (options.log == nullptr) options.log = make_stderr_log(log_level::info);
  const auto log = options.log;
  exit_code code = exit_code::bad_setup;
  try {
    code = program(log, how, std::move(options)).run(std::move(applications));
  } catch (const config_error& wrong) {
    log->write(log_level::error, wrong.what());
  } catch (const boot_error& wrong) {
    log->write(log_level::error, wrong.what());
  }
  return static_cast<int>(code);
}

}  // namespace troupe
