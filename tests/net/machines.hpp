#pragma once
// Machines of their own for nodes: threads that live in network namespaces, with a cable between
// two of them. What is started on such a thread, a system with its workers say, is on that network
// and no other. The namespace ends with the last thread and socket in it: nothing is left.

#include <functional>
#include <future>
#include <string>
#include <thread>

namespace troupe_test {

// Whether this user can make them; else says on standard error why a test is skipped.
[[nodiscard]] bool can_make_machines();

class machine {
 public:
  machine();
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  // Runs it on the machine's thread and waits; throws what it throws.
  void run(const std::function<void()>& work);
  // Commands for a shell there, one after the other. Throws the one that failed.
  void shell(const std::string& commands);
  // By which `ip` finds the network from another one.
  [[nodiscard]] int thread_id() const { return thread_id_; }

 private:
  void serve();

  std::promise<std::packaged_task<void()>> next_;
  std::future<std::packaged_task<void()>> coming_ = next_.get_future();
  int thread_id_ = 0;
  std::thread thread_;
};

// A cable between two machines, `cable` on both, with those addresses (`10.0.0.1/24`).
void join_by_cable(machine& a, const std::string& address_a, machine& b,
                   const std::string& address_b);

}  // namespace troupe_test
