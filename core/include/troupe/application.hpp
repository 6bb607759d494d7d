#pragma once

#include <troupe/config.hpp>
#include <troupe/system.hpp>

#include <functional>
#include <string>
#include <vector>

namespace troupe {

/// What an application needs, and what its end means.
struct application_options {
  /// Applications that start before it and stop after it.
  std::vector<std::string> needs = {};
  /// permanent: its end, of any kind, stops all the others and then the program; transient: an end
  /// by another reason than normal and shutdown does; temporary: none does. (OTP: start types.)
  restart_type type = restart_type::permanent;
};

/// A part of a program as data: a name, what it needs, and the supervision tree that it is. (OTP:
/// application.)
///
///     struct accounts_options { bounded<int, 1, 100> pool_size{4}; std::string dsn; };
///     application accounts("accounts", {.needs = {"storage"}}, [](const accounts_options& o) {
///       return supervisor("accounts", one_for_one{}, {child<account>("account", o.dsn)});
///     });
///
/// `start` returns the specification of its top process. It may take an aggregate of options, whose
/// fields are the keys of the section [accounts] of the configuration; what is not given keeps its
/// default. A member function `void check() const` of the aggregate may throw to refuse them.
class application {
 public:
  template <class Start>
  application(std::string name, application_options how, Start start)
      : name_(std::move(name)), how_(std::move(how)), start_(reading(std::move(start), name_)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const application_options& options() const noexcept { return how_; }
  /// Its top process, with the options of that section. Throws config_error.
  [[nodiscard]] child_spec specification(const internal::config_value& section) const {
    return start_(section);
  }

 private:
  using starter = std::function<child_spec(const internal::config_value&)>;
  struct no_options {};
  template <class C, class Options>
  static Options options_of(child_spec (C::*)(const Options&) const);
  template <class C>
  static no_options options_of(child_spec (C::*)() const);

  template <class Start>
  static starter reading(Start start, const std::string& name) {
    using options = decltype(options_of(&Start::operator()));
    return [start = std::move(start), name](const internal::config_value& section) {
      options chosen{};
      internal::read_config(section, chosen, name);
      if constexpr (requires { chosen.check(); }) {
        try {
          chosen.check();
        } catch (const std::exception& wrong) {
          throw config_error(section.where + ": " + name + ": " + wrong.what());
        }
      }
      if constexpr (std::same_as<options, no_options>)
        return start();
      else
        return start(chosen);
    };
  }

  std::string name_;
  application_options how_;
  starter start_;
};

/// Applications that do not fit together: the text names them.
class boot_error : public std::logic_error {
 public:
  using logic_error::logic_error;
};

/// How a program of applications starts and stops.
struct boot_options {
  /// TOML, a section for each application; none if empty.
  std::string config_file = {};
  /// TROUPE_ACCOUNTS__POOL_SIZE=5 overrides pool_size in [accounts]; none does if this is empty.
  std::string environment_prefix = "TROUPE_";
  /// How long all applications together may take to stop before the program ends regardless.
  std::chrono::nanoseconds stop_within = std::chrono::seconds(10);
};

/// One application of a running program. (OTP: which_applications.)
struct application_state {
  std::string name;
  pid top;  // none if it has ended
};

/// Starts the applications in this system in the order of their needs, else in that given, each
/// when the one before has started. They are a supervision tree: exit_reason::shutdown stops them
/// in reverse. Throws, before anything starts, boot_error if applications are missing, given twice
/// or need each other, and config_error; and start_failed, after those started have stopped.
[[nodiscard]] supervisor_ref boot(system& in, std::vector<application> applications,
                                  const boot_options& how = {});

/// Those of a tree that `boot` gave, in the order of their start.
[[nodiscard]] std::vector<application_state> which_applications(system& in, supervisor_ref tree);

/// What `run_applications` returns, for `main`.
enum class exit_code : int {
  clean = 0,        // stopped by SIGTERM or SIGINT, or all that was to end it did so as it should
  failed = 1,       // an application did not start, or its failure stopped the program
  bad_setup = 2,    // boot_error or config_error
  not_stopped = 3,  // the applications did not stop within `stop_within`
};

/// A whole program: boots the applications in a system of their own and waits until SIGTERM or
/// SIGINT, or until an application's end stops it. A second signal ends the program at once. What
/// went wrong is in the log. Does not return for `not_stopped`: the program ends there. One at a
/// time in a program, from its main thread: `return run_applications({...}, {.config_file =
/// file});`
int run_applications(std::vector<application> applications, const boot_options& how = {},
                     system_options options = {});

}  // namespace troupe
