#pragma once
// Supervisors of children that come and go, all of one kind: a session for each user, a process for
// each order. (OTP: simple_one_for_one; Elixir: DynamicSupervisor.)
//
//     auto sessions = system.supervise(troupe::dynamic{.max_children = 100'000},
//                                      troupe::child<session, std::string>().transient());
//     troupe::pid ann = system.call(sessions, troupe::start_with<std::string>("ann"));

#include <troupe/supervisor.hpp>

#include <limits>
#include <memory>
#include <tuple>

namespace troupe {

/// The strategy of a dynamic supervisor: a child that ends is restarted alone, with the arguments
/// it was started with. When it stops, it asks all its children at once and waits for all of them.
struct dynamic {
  int intensity = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(5);
  /// Children at most, those that wait for a restart included; a further start is refused.
  std::size_t max_children = std::numeric_limits<std::size_t>::max();
  troupe::auto_shutdown auto_shutdown = troupe::auto_shutdown::never;
};

/// Starts a child with these arguments, whose types are those of the supervisor's `child_template`;
/// the reply is its pid, or none if its init said ignore, and then it is not kept. Refused:
/// max_children, start_failed. The arguments stay on this node.
template <class... Args>
struct start_with {
  using reply = pid;
  static_assert((internal::check_sendable<Args>(), ..., true));
  explicit start_with(Args... arguments) : args(std::move(arguments)...) {}
  std::tuple<Args...> args;
};
/// Stops a child, which is forgotten. Refused: not_found.
struct terminate_process {
  using reply = void;
  pid process;
};

/// What a `dynamic_supervisor_ref` points to; it has no objects. The children that `which_children`
/// gives have no ids and no order. A million of them is a large reply.
template <class... Args>
struct dynamic_supervisor_requests {
  using handles = messages<start_with<Args...>, terminate_process, which_children, count_children>;
};
/// The address of a dynamic supervisor whose children are started with these arguments.
template <class... Args>
using dynamic_supervisor_ref = ref<dynamic_supervisor_requests<Args...>>;

namespace internal {

struct template_record {
  // The type of the request to start a child, and how to do that with the arguments in it.
  const message_type* request = nullptr;
  std::function<pid(engine&, const launch_options&, message& request)> start;
  bool announces = false;
  child_policy policy = {};
};

template <class... Args, class Launch>
template_record make_template(Launch launch, bool announces) {
  using asked = request<start_with<Args...>>;
  auto start = [launch = std::move(launch)](engine& home, const launch_options& options,
                                            message& from) {
    const auto& args = (*from.get_if<asked>())->args;
    return std::apply([&](const Args&... copied) { return launch(home, options, copied...); },
                      args);
  };
  return {.request = &message_type_of<asked>, .start = std::move(start), .announces = announces};
}

void check(std::string_view supervisor, const dynamic& how, const template_record& child);
pid launch_dynamic(engine& home, const launch_options& options, const dynamic& how,
                   std::shared_ptr<const template_record> child);

}  // namespace internal

/// What all children of a dynamic supervisor have in common: what they run and how they are
/// restarted and stopped, with the setters of a `child_spec`.
template <class... Args>
class child_template : public internal::child_settings<child_template<Args...>> {
 public:
  explicit child_template(internal::template_record record) : record_(std::move(record)) {}
  [[nodiscard]] const internal::template_record& record() const noexcept { return record_; }

 private:
  friend internal::child_settings<child_template<Args...>>;
  internal::template_record record_;
};

/// Children that are servers, made from these arguments: `child<session, std::string>()`.
template <internal::server_type S, class... Args>
[[nodiscard]] child_template<Args...> child() {
  const auto launch = [](internal::engine& home, const internal::launch_options& options,
                         const Args&... args) {
    return internal::launch_server<S>(home, options, args...).id;
  };
  return child_template<Args...>(internal::make_template<Args...>(launch, true));
}
/// Children that run a process function: `child<std::string>(session)`.
template <class... Args, class Function>
  requires std::is_invocable_r_v<process, Function&, context, Args...>
[[nodiscard]] child_template<Args...> child(Function function) {
  auto launch = [function](internal::engine& home, const internal::launch_options& options,
                           const Args&... args) {
    return internal::launch(home, options, internal::behaviour_name<Function>(), function, args...)
        .id;
  };
  return child_template<Args...>(internal::make_template<Args...>(std::move(launch), false));
}
/// A child that is a dynamic supervisor. Throws std::invalid_argument if the specifications
/// contradict themselves.
template <class... Args>
[[nodiscard]] child_spec supervisor(std::string id, dynamic how, child_template<Args...> child) {
  internal::check(id, how, child.record());
  auto start = [how, shared = std::make_shared<const internal::template_record>(child.record())](
                   internal::engine& home, const internal::launch_options& options) {
    return internal::launch_dynamic(home, options, how, shared);
  };
  return child_spec({.id = std::move(id),
                     .start = std::move(start),
                     .announces = true,
                     .policy = {.shutdown = infinity, .supervises = true}});
}

}  // namespace troupe
