#include "platform/child_group.hpp"

#include <csignal>
#include <utility>

#include "platform/pipe.hpp"

namespace troupe::net {

child_group::child_group(std::span<const command> programs, errors where) {
  pipe_ends input = make_pipe();
  pipe_ends error = where == errors::piped ? make_pipe() : pipe_ends();
  input_ = std::move(input.write);
  make_nonblocking(input_);
  output_ = std::move(input.read);  // what the next one reads
  for (const command& program : programs) {
    pipe_ends output = make_pipe();
    const int errors_to = where == errors::merged ? output.write.get() : error.write.get();
    children_.push_back(std::make_unique<child_process>(
        program, child_ties{.input = output_.get(),
                            .output = output.write.get(),
                            .error = errors_to,
                            .control = false,
                            .group = children_.empty() ? 0 : children_.front()->id(),
                            .dies_with_parent = true}));
    std::swap(output_, output.read);
  }
  make_nonblocking(output_);
  errors_ = std::move(error.read);
  if (errors_) make_nonblocking(errors_);
}

// The first leads the group, so it goes last.
child_group::~child_group() {
  send_signal(SIGKILL);
  while (!children_.empty()) children_.pop_back();
}

void child_group::send_signal(int number) noexcept {
  if (!children_.empty()) children_.front()->send_group_signal(number);
}

std::vector<child_end> child_group::reap() noexcept {
  std::vector<child_end> ends(children_.size());
  for (std::size_t i = children_.size(); i-- > 0;)
    ends[i] = children_[i]->try_reap().value_or(child_end{0, -1});
  return ends;
}

}  // namespace troupe::net
