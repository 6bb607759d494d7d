#pragma once

#include <memory>
#include <span>
#include <vector>

#include "platform/child_process.hpp"

namespace troupe::net {

/// Programs of which each reads what the one before it writes, in one process group. They are
/// killed when the thread that has started them ends. For one thread at a time.
class child_group {
 public:
  enum class errors { inherited, merged, piped };

  /// Starts them. Throws std::system_error as launch does; then none of them is left.
  child_group(std::span<const command> programs, errors where);
  /// Kills the group, as far as it is still there.
  ~child_group();
  child_group(const child_group&) = delete;
  child_group& operator=(const child_group&) = delete;

  /// The ends of its pipes that are this process's, to be taken once; non-blocking. The one for
  /// errors only if they are piped.
  [[nodiscard]] descriptor take_input() { return std::move(input_); }
  [[nodiscard]] descriptor take_output() { return std::move(output_); }
  [[nodiscard]] descriptor take_errors() { return std::move(errors_); }

  [[nodiscard]] std::size_t size() const noexcept { return children_.size(); }
  /// For each a descriptor that becomes readable when it has ended.
  [[nodiscard]] descriptor end(std::size_t of) const { return children_[of]->end(); }
  /// To all, and to what they have started in their group. Until `reap`.
  void send_signal(int number) noexcept;
  /// How each has ended, when all have.
  [[nodiscard]] std::vector<child_end> reap() noexcept;

 private:
  std::vector<std::unique_ptr<child_process>> children_;
  descriptor input_;
  descriptor output_;
  descriptor errors_;
};

}  // namespace troupe::net
