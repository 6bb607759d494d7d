#include "reactor/system_resolver.hpp"

#include "reactor/errors.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <netdb.h>

namespace troupe::net {
namespace {

namespace asio = boost::asio;
using found = io_result<std::vector<std::string>>;

// What the handle, the process that looks the name up and the time limit share. The handler and the
// limit are reached on the executor only.
struct query : std::enable_shared_from_this<query> {
  std::string host;
  resolver::handler done;  // null when it is over
  std::unique_ptr<pending> limit;

  void finish(found result) {
    const auto call = std::exchange(done, nullptr);
    const auto ended = std::move(limit);
    if (call) call(std::move(result));
  }
};

class query_handle final : public pending {
 public:
  explicit query_handle(std::shared_ptr<query> q) noexcept : query_(std::move(q)) {}
  ~query_handle() override {
    query_->done = nullptr;
    query_->limit.reset();
  }
  query_handle(const query_handle&) = delete;
  query_handle& operator=(const query_handle&) = delete;

 private:
  const std::shared_ptr<query> query_;
};

std::string tried(const std::string& host) { return "cannot find the host '" + host + "'"; }

process look_up_for(context self, transport* on, std::shared_ptr<query> q) {
  auto result = co_await self.blocking([&] { return find_addresses(q->host); });
  on->post([q = std::move(q), result = std::move(result)] { q->finish(result); });
}

}  // namespace

found find_addresses(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list); failed != 0) {
    io_error why = make_error(tried(host), io_errc::no_such_host);
    why.text += std::string(" (") + ::gai_strerror(failed) + ')';
    return why;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, ::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    asio::ip::tcp::endpoint where;
    if (a->ai_addrlen > where.capacity()) continue;
    std::memcpy(where.data(), a->ai_addr, a->ai_addrlen);
    where.resize(a->ai_addrlen);
    std::string text = where.address().to_string();
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end())
      addresses.push_back(std::move(text));
  }
  if (addresses.empty()) return make_error(tried(host), io_errc::no_such_host);
  return addresses;
}

std::unique_ptr<pending> system_resolver::resolve(transport& on, const std::string& host,
                                                  std::chrono::nanoseconds limit, handler done) {
  auto q = std::make_shared<query>();
  q->host = host;
  q->done = std::move(done);
  boost::system::error_code name;
  const auto address = asio::ip::make_address(host, name);
  if (!name) {
    on.post([q, text = address.to_string()] { q->finish(std::vector{text}); });
  } else {
    q->limit = on.after(limit, [raw = q.get()] {
      const auto self = raw->shared_from_this();
      self->finish(make_error(tried(self->host), io_errc::timed_out));
    });
    try {
      home_.spawn(look_up_for, &on, q);
    } catch (const std::runtime_error& why) {  // the system is stopping, or its table is full
      on.post([q, text = tried(host) + ": " + why.what()] {
        q->finish(io_error{io_errc::other, text});
      });
    }
  }
  return std::make_unique<query_handle>(std::move(q));
}

}  // namespace troupe::net
