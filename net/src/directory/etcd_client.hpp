#pragma once

#include <troupe/net/etcd.hpp>

#include <nlohmann/json.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "platform/lock.hpp"
#include "reactor/http_client.hpp"

namespace troupe::net::internal {

/// etcd did not answer, or refused; the text says which endpoints were tried and why.
class etcd_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A key in etcd.
struct etcd_entry {
  std::string value;
  std::uint64_t created = 0;  // create_revision
  std::int64_t lease = 0;
};

/// What this library asks of etcd: by the JSON gateway of its version 3. Any process; several may
/// use one at a time. All tasks throw etcd_error.
class etcd_client {
 public:
  /// Throws std::invalid_argument.
  explicit etcd_client(etcd_options options);
  [[nodiscard]] const etcd_options& options() const noexcept { return options_; }

  /// A lease of so many seconds at least.
  [[nodiscard]] task<std::int64_t> grant(context self, std::chrono::nanoseconds ttl);
  /// False if it is over.
  [[nodiscard]] task<bool> keep_alive(context self, std::int64_t lease);
  /// Ends it, and deletes its keys.
  [[nodiscard]] task<> revoke(context self, std::int64_t lease);

  struct found {
    std::optional<etcd_entry> entry;
    std::int64_t revision = 0;  // of the whole store
  };
  [[nodiscard]] task<found> get(context self, const std::string& key);
  /// The values of all keys that begin so.
  [[nodiscard]] task<std::vector<std::string>> list(context self, const std::string& prefix);
  /// Makes the key if it is not there; gives what is there then.
  [[nodiscard]] task<etcd_entry> create(context self, const std::string& key,
                                        const std::string& value, std::int64_t lease);
  /// Writes the key, whatever was there.
  [[nodiscard]] task<> put(context self, const std::string& key, const std::string& value,
                           std::int64_t lease);
  /// Changes the value if the key is still the one that was made then; false if it is not.
  [[nodiscard]] task<bool> replace(context self, const std::string& key, const etcd_entry& old,
                                   const std::string& value);
  /// Returns when the key was changed since that revision, or the time is over.
  [[nodiscard]] task<> await_change(context self, const std::string& key, std::int64_t since,
                                    std::chrono::nanoseconds limit);

 private:
  using json = nlohmann::json;
  struct attempt;
  [[nodiscard]] task<json> post(context self, std::string path, json body);
  [[nodiscard]] task<attempt> try_all(context self, const std::string& path,
                                      const std::string& body);
  [[nodiscard]] task<> log_in(context self);
  [[nodiscard]] std::string authorization() const;
  [[nodiscard]] http_request request_to(const endpoint& member, std::string path,
                                        std::string body) const;

  const etcd_options options_;
  const http_tls tls_;  // without an authority: not used
  std::vector<endpoint> endpoints_;
  std::atomic<std::size_t> preferred_{0};  // the endpoint that answered last
  mutable platform::shared_mutex mutex_;
  std::string token_;  // of the session, if there is a user
};

}  // namespace troupe::net::internal
