#include "directory/etcd_client.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <mutex>

namespace troupe::net::internal {
namespace {

using json = nlohmann::json;

std::string to_base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string from_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) throw etcd_error("etcd sent a value that is not in base64");
  // The padding counts as bytes there.
  const auto padding =
      std::count(text.rbegin(), text.rbegin() + std::min<std::ptrdiff_t>(2, std::ssize(text)), '=');
  bytes.resize(static_cast<std::size_t>(size - padding));
  return bytes;
}

// In etcd's JSON an integer of 64 bits is a text, and one that is 0 is left out.
std::int64_t integer(const json& in, const char* field) {
  const auto at = in.find(field);
  if (at == in.end()) return 0;
  return at->is_string() ? std::stoll(at->get<std::string>()) : at->get<std::int64_t>();
}

etcd_entry entry_of(const json& kv) {
  return {from_base64(kv.value("value", "")),
          static_cast<std::uint64_t>(integer(kv, "create_revision")), integer(kv, "lease")};
}

json compare_created(const std::string& key, std::uint64_t revision) {
  return json::array({{{"key", to_base64(key)},
                       {"target", "CREATE"},
                       {"result", "EQUAL"},
                       {"create_revision", std::to_string(revision)}}});
}

json put_request(const std::string& key, const std::string& value, std::int64_t lease) {
  return {{"key", to_base64(key)}, {"value", to_base64(value)}, {"lease", std::to_string(lease)}};
}

// The first key after all that begin with the prefix.
std::string end_of_range(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

std::string reason_in(const json& answer) {
  return answer.is_object() ? answer.value("error", answer.dump().substr(0, 200))
                            : "no JSON object";
}

}  // namespace

struct etcd_client::attempt {
  int status = 0;
  json answer;
};

etcd_client::etcd_client(etcd_options options)
    : options_(std::move(options)),
      tls_{options_.tls.authority, options_.tls.certificate, options_.tls.key} {
  if (tls_.certificate.empty() != tls_.key.empty() ||
      (tls_.authority.empty() && !tls_.certificate.empty()))
    throw std::invalid_argument(
        "etcd_options::tls: give the authority, and certificate and key both or neither");
  for (const std::string& text : options_.endpoints) {
    auto parsed = parse_endpoint(text);
    if (!parsed || parsed->port == 0)
      throw std::invalid_argument("etcd_options::endpoints: '" + text +
                                  "' is no host:port; write 10.0.0.1:2379");
    endpoints_.push_back(std::move(*parsed));
  }
  if (endpoints_.empty())
    throw std::invalid_argument("etcd_options::endpoints is empty; name one member at least");
}

std::string etcd_client::authorization() const {
  const std::shared_lock lock(mutex_);
  return token_;
}

http_request etcd_client::request_to(const endpoint& member, std::string path,
                                     std::string body) const {
  return {member, std::move(path), std::move(body), authorization(),
          tls_.authority.empty() ? nullptr : &tls_};
}

// One after another, from the one that answered last. What it asks may have been done though nobody
// has answered: all requests here can be made again.
task<etcd_client::attempt> etcd_client::try_all(context self, const std::string& path,
                                                const std::string& body) {
  const steady_time deadline = later(self.now(), options_.request_time);
  const std::size_t first = preferred_.load(std::memory_order_relaxed);
  std::string failures;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const std::size_t index = (first + i) % endpoints_.size();
    const auto left = static_cast<std::int64_t>(endpoints_.size() - i);
    std::string failure;
    try {
      http_exchange exchange;
      http_request what = request_to(endpoints_[index], path, body);
      const int status =
          co_await exchange.begin(self, std::move(what), (deadline - self.now()) / left);
      const std::string text = co_await exchange.rest(self);
      attempt got{status, json::parse(text)};
      if (status < 500) {
        preferred_.store(index, std::memory_order_relaxed);
        co_return got;
      }
      failure = to_string(endpoints_[index]) + " answers " + std::to_string(status) + ": " +
                reason_in(got.answer);
    } catch (const http_error& e) {
      failure = e.what();
    } catch (const json::exception& e) {
      failure = to_string(endpoints_[index]) + " answers what is no JSON: " + e.what();
    }
    failures += (failures.empty() ? "" : "; ") + failure;
  }
  throw etcd_error("etcd does not answer: " + failures);
}

task<> etcd_client::log_in(context self) {
  const json who = {{"name", options_.user}, {"password", options_.password}};
  const attempt got = co_await try_all(self, "/v3/auth/authenticate", who.dump());
  if (got.status != 200)
    throw etcd_error("etcd refuses the user '" + options_.user + "': " + reason_in(got.answer) +
                     "; see etcd_options::user and password");
  const std::unique_lock lock(mutex_);
  token_ = got.answer.at("token").get<std::string>();
}

task<json> etcd_client::post(context self, std::string path, json body) {
  const std::string text = body.dump();
  attempt got = co_await try_all(self, path, text);
  // No token, or one that has expired.
  if (got.status != 200 && !options_.user.empty()) {
    co_await log_in(self);
    got = co_await try_all(self, path, text);
  }
  if (got.status != 200) throw etcd_error("etcd refuses " + path + ": " + reason_in(got.answer));
  co_return std::move(got.answer);
}

// --- leases -------------------------------------------------------------------------------------

// What is asked is made before it is awaited: GCC has trouble with lists beside a co_await.

task<std::int64_t> etcd_client::grant(context self, std::chrono::nanoseconds ttl) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
  const json what = {{"TTL", std::to_string(seconds)}};
  const json answer = co_await post(self, "/v3/lease/grant", what);
  co_return integer(answer, "ID");
}

task<bool> etcd_client::keep_alive(context self, std::int64_t lease) {
  const json what = {{"ID", std::to_string(lease)}};
  const json answer = co_await post(self, "/v3/lease/keepalive", what);
  co_return answer.contains("result") && integer(answer.at("result"), "TTL") > 0;
}

task<> etcd_client::revoke(context self, std::int64_t lease) {
  const json what = {{"ID", std::to_string(lease)}};
  (void)co_await post(self, "/v3/lease/revoke", what);
}

// --- keys ---------------------------------------------------------------------------------------

task<etcd_client::found> etcd_client::get(context self, const std::string& key) {
  const json what = {{"key", to_base64(key)}};
  const json answer = co_await post(self, "/v3/kv/range", what);
  found there;
  there.revision = integer(answer.at("header"), "revision");
  if (answer.contains("kvs")) there.entry = entry_of(answer.at("kvs").at(0));
  co_return there;
}

task<std::vector<std::string>> etcd_client::list(context self, const std::string& prefix) {
  const json what = {{"key", to_base64(prefix)}, {"range_end", to_base64(end_of_range(prefix))}};
  const json answer = co_await post(self, "/v3/kv/range", what);
  std::vector<std::string> values;
  if (answer.contains("kvs"))
    for (const json& kv : answer.at("kvs")) values.push_back(entry_of(kv).value);
  co_return values;
}

task<etcd_entry> etcd_client::create(context self, const std::string& key, const std::string& value,
                                     std::int64_t lease) {
  const json create = json::array({{{"request_put", put_request(key, value, lease)}}});
  const json look = json::array({{{"request_range", {{"key", to_base64(key)}}}}});
  const json what = {{"compare", compare_created(key, 0)}, {"success", create}, {"failure", look}};
  const json answer = co_await post(self, "/v3/kv/txn", what);
  if (!answer.value("succeeded", false))
    co_return entry_of(answer.at("responses").at(0).at("response_range").at("kvs").at(0));
  etcd_entry made;
  made.value = value;
  made.created = static_cast<std::uint64_t>(integer(answer.at("header"), "revision"));
  made.lease = lease;
  co_return made;
}

task<> etcd_client::put(context self, const std::string& key, const std::string& value,
                        std::int64_t lease) {
  const json what = put_request(key, value, lease);
  (void)co_await post(self, "/v3/kv/put", what);
}

task<bool> etcd_client::replace(context self, const std::string& key, const etcd_entry& old,
                                const std::string& value) {
  const json change = json::array({{{"request_put", put_request(key, value, old.lease)}}});
  const json what = {{"compare", compare_created(key, old.created)}, {"success", change}};
  const json answer = co_await post(self, "/v3/kv/txn", what);
  co_return answer.value("succeeded", false);
}

task<> etcd_client::await_change(context self, const std::string& key, std::int64_t since,
                                 std::chrono::nanoseconds limit) {
  const json range = {{"key", to_base64(key)}, {"start_revision", std::to_string(since + 1)}};
  const json what = {{"create_request", range}};
  const endpoint& at = endpoints_[preferred_.load(std::memory_order_relaxed)];
  http_request asked = request_to(at, "/v3/watch", what.dump());
  http_exchange exchange;
  const int status = co_await exchange.begin(self, std::move(asked), limit);
  if (status != 200) {
    const std::string why = co_await exchange.rest(self);
    throw etcd_error(to_string(at) + " refuses to watch: " + why);
  }
  while (const auto line = co_await exchange.next_line(self)) {
    const json told = json::parse(*line);
    if (!told.contains("result") || told.at("result").value("canceled", false))
      throw etcd_error(to_string(at) + " ends the watch: " + line->substr(0, 200));
    if (told.at("result").contains("events")) co_return;
  }
}

}  // namespace troupe::net::internal
