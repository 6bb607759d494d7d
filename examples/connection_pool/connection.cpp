#include "connection.hpp"

namespace pooled {

connection::connection(std::string pool, connect how, troupe::groups all)
    : pool_(std::move(pool)), connect_(std::move(how)), groups_(std::move(all)) {
  (void)self.monitor(pool_);
  self.send(self, open_line{});
}

troupe::task<> connection::handle(open_line) {
  line_ = co_await self.blocking([this] { return connect_(); });
  groups_.join(pool_, self);
}

troupe::task<std::string> connection::handle(ask question) {
  co_return co_await self.blocking([this, &question] { return line_->ask(question.text); });
}

}  // namespace pooled
