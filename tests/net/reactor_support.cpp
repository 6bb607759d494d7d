#include "net/reactor_support.hpp"

#include "net/certificates.hpp"
#include "reactor/tls_context.hpp"

namespace troupe_test {

void stream_pair::start_tls(hand_driven& world) {
  using troupe::net::tls_side;
  const std::string uri = "troupe:n@127.0.0.1";
  const auto shown = home_authority().issue(test_authority::wish{.uris = {uri}});
  auto ours =
      troupe::net::tls_context::make({"the certificate", shown.certificate}, {"the key", shown.key},
                                     {"the authority", home_authority().certificate()}, uri);
  if (!ours) FAIL(ours.error().text);
  int shaken = 0;
  const auto shake = [&](io_result<troupe::net::tls_peer> peer) {
    if (!peer) FAIL(peer.error().text);
    CHECK(peer->uris == std::vector{uri});
    ++shaken;
  };
  client->start_tls(**ours, tls_side::dialler, shake);
  server->start_tls(**ours, tls_side::acceptor, shake);
  world.until([&] { return shaken == 2; });
}

}  // namespace troupe_test
