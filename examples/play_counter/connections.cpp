#include "connections.hpp"

#include "connection.hpp"

namespace play {

void connections::handle(troupe::request<serve> accepted) {
  self.spawn_link(connection, all_, std::move(accepted->socket));
  if (++open_ < max_open)
    accepted.reply();
  else
    last_ = std::move(accepted);
}

void connections::handle(troupe::exit_signal) {
  --open_;
  if (last_) last_->reply();
  last_.reset();
}

}  // namespace play
