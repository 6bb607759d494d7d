#pragma once

#include "cluster.hpp"

#include <troupe/troupe.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <optional>

namespace play {

/// A socket to serve. Answered when there is room for another one.
struct serve {
  using reply = void;
  explicit serve(boost::asio::ip::tcp::socket accepted) : socket(std::move(accepted)) {}
  boost::asio::ip::tcp::socket socket;
};

/// The supervisor of the HTTP connections: a linked process each. One that crashes is reported and
/// touches no other; when this process ends, they end with it.
class connections : public troupe::server {
 public:
  using handles = troupe::messages<serve, troupe::exit_signal>;

  /// How many are open at once; more clients wait until one ends.
  static constexpr int max_open = 256;

  explicit connections(cluster_ptr all) : all_(std::move(all)) { self.trap_exits(true); }

  void handle(troupe::request<serve> accepted);
  void handle(troupe::exit_signal ended);

 private:
  const cluster_ptr all_;
  int open_ = 0;
  std::optional<troupe::request<serve>> last_;  // unanswered while there is no room
};

}  // namespace play
