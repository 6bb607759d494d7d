#pragma once
// Nodes with TLS, and clients of theirs that do what no node would.

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "net/certificates.hpp"
#include "net/client_hello.hpp"
#include "net/cluster_support.hpp"
#include "protocol/handshake.hpp"
#include "wire/frame_splitter.hpp"

namespace troupe_test {

// A node on 127.0.0.1 whose certificate is signed by the one and that trusts the other.
struct tls_node {
  explicit tls_node(const std::string& app, troupe::net::node_options options = {})
      : tls_node(app, home_authority(), home_authority().certificate(), std::move(options)) {}
  tls_node(const std::string& app, const test_authority& signer, const std::string& trusted,
           troupe::net::node_options options = {})
      : files(signer.issue(app), trusted), made(with_files(std::move(options)), app) {}

  // Other certificates from now on.
  void renew(const std::string& app, const test_authority& signer) const {
    files.write("ca.pem", signer.certificate());
    files.write(signer.issue(app));
  }
  // Throws what hinders it.
  void connect(const tls_node& to) const { made.node->connect(to.name()); }
  [[nodiscard]] const std::string& name() const { return made.name(); }
  [[nodiscard]] bool logs(std::string_view text) const { return made.log->has(text); }
  void run_echo() { made.system.spawn_with({.name = "echo"}, echo); }
  int ask_echo(const tls_node& at, int value) {
    return made.system.call({"echo", at.name()}, ask{value});
  }

  tls_folder files;
  test_node made;

 private:
  [[nodiscard]] troupe::net::node_options with_files(troupe::net::node_options options) const {
    options.tls = files.options();
    return options;
  }
};

// A blocking socket, over TLS if it comes to that.
class rude_tls_client {
 public:
  struct manners {
    std::optional<certificate_and_key> shows = {};
    int newest_version = TLS1_3_VERSION;
  };
  rude_tls_client(const std::string& node, const manners& how)
      : target_(std::get<troupe::net::node_name>(troupe::net::node_name::parse(node))),
        context_(prepared(how)),
        layer_(io_, context_) {
    layer_.next_layer().connect({boost::asio::ip::make_address(target_.host()), target_.port()});
  }
  explicit rude_tls_client(const std::string& node) : rude_tls_client(node, manners{}) {}

  void send_plain(const std::string& bytes) {
    boost::system::error_code ignored;
    boost::asio::write(layer_.next_layer(), boost::asio::buffer(bytes), ignored);
  }
  // Until the node closes.
  std::size_t read_plain_to_end() {
    boost::system::error_code failed;
    std::string all;
    return boost::asio::read(layer_.next_layer(), boost::asio::dynamic_buffer(all), failed);
  }
  // What a client of TLS says first, and no more.
  void send_hello() { send_plain(client_hello(context_.native_handle())); }
  // Waits for an answer of any kind: whether there is one before the end.
  bool is_answered() {
    boost::system::error_code failed;
    std::array<char, 1> into{};
    return layer_.next_layer().read_some(boost::asio::buffer(into), failed) > 0;
  }
  boost::system::error_code shake_hands() {
    boost::system::error_code failed;
    layer_.handshake(boost::asio::ssl::stream_base::client, failed);
    return failed;
  }
  // Why TLS with it does not come about. The node judges our certificate after we have judged its.
  std::string refusal() {
    boost::system::error_code failed = shake_hands();
    std::array<char, 1> into{};
    if (!failed) layer_.read_some(boost::asio::buffer(into), failed);
    return failed.message();
  }
  // Ends its half of the TCP connection, without a word in TLS.
  void cut() { layer_.next_layer().shutdown(boost::asio::ip::tcp::socket::shutdown_send); }
  // Says to be that node, within TLS, and gives how that ended: empty if it was let in.
  std::string join(const std::string& as, bool binds) {
    REQUIRE_FALSE(shake_hands());
    const auto secret = troupe::net::cookie::from_text(test_cookie, "the test");
    auto shake = troupe::net::handshake::dial(identity(as, binds),
                                              std::get<troupe::net::cookie>(secret), target_);
    write(shake.start().write);
    troupe::net::frame_splitter splitter(1024);
    std::vector<std::byte> buffer(4096);
    for (;;) {
      boost::system::error_code failed;
      const std::size_t n = layer_.read_some(boost::asio::buffer(buffer), failed);
      if (failed) return failed.message();
      splitter.feed(std::span(buffer).first(n));
      while (auto body = splitter.next()) {
        const auto step = shake.on_frame(*body);
        write(step.write);
        if (std::holds_alternative<troupe::net::peer_info>(step.outcome)) return {};
        if (const auto* no = std::get_if<troupe::net::handshake_failure>(&step.outcome))
          return no->text;
      }
    }
  }

 private:
  static boost::asio::ssl::context prepared(const manners& how) {
    boost::asio::ssl::context made(boost::asio::ssl::context::tls_client);
    ::SSL_CTX_set_cipher_list(made.native_handle(), "DEFAULT");
    ::SSL_CTX_set_security_level(made.native_handle(), 0);  // it may show what it likes
    SSL_CTX_set_max_proto_version(made.native_handle(), how.newest_version);
    if (how.shows) {
      made.use_certificate_chain(boost::asio::buffer(how.shows->certificate));
      made.use_private_key(boost::asio::buffer(how.shows->key), boost::asio::ssl::context::pem);
    }
    return made;
  }
  troupe::net::handshake_identity identity(const std::string& as, bool binds) {
    troupe::net::handshake_identity us{
        .name = std::get<troupe::net::node_name>(troupe::net::node_name::parse(as)),
        .incarnation = 77};
    us.fresh_nonce.fill(std::byte{42});
    us.channel_binding.resize(32);
    const std::string label = "EXPORTER-Channel-Binding";
    // OpenSSL's bytes are unsigned.
    if (binds)
      REQUIRE(::SSL_export_keying_material(
                  layer_.native_handle(),
                  reinterpret_cast<unsigned char*>(us.channel_binding.data()),
                  us.channel_binding.size(), label.data(), label.size(), nullptr, 0, 1) == 1);
    return us;
  }
  void write(const std::vector<std::byte>& bytes) {
    boost::system::error_code ignored;
    boost::asio::write(layer_, boost::asio::buffer(bytes), ignored);
  }

  troupe::net::node_name target_;
  boost::asio::io_context io_;
  boost::asio::ssl::context context_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> layer_;
};

}  // namespace troupe_test
