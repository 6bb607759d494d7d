#include "directory/etcd_directory.hpp"

#include <algorithm>

#include "directory/lease_guard.hpp"

namespace troupe::net {
namespace internal {
namespace {

using json = nlohmann::json;

// How long a watch lasts at most before the caller is answered anyway.
constexpr auto watch_time = std::chrono::seconds(30);

exit_reason refused(const std::string& why) {
  return exit_reason::error(std::string(directory_fault), why);
}

json to_json(const cluster& here, pid p) {
  const node_identity node = here.identity_of(p.node);
  return {{"node", node.name}, {"incarnation", node.incarnation}, {"id", p.id}};
}

pid from_json(cluster& here, const json& text) {
  const auto index = here.index_of(
      {text.at("node").get<std::string>(), text.at("incarnation").get<std::uint64_t>()});
  return index ? pid{*index, text.at("id").get<std::uint64_t>()} : pid{};
}

// --- the answers --------------------------------------------------------------------------------

task<name_holder> find(context self, etcd_names& names, const std::string& name) {
  const auto now = co_await names.etcd.get(self, names.key(name));
  co_return now.entry ? names.holder(*now.entry) : name_holder{};
}

task<> respond(context self, etcd_names& names, request<find_name>& asked) {
  asked.reply(co_await find(self, names, asked->name));
}

// A claim that was made before, and whose answer was lost, has made the key already.
task<> respond(context self, etcd_names& names, request<claim_name>& asked) {
  const std::string key = names.key(asked->name);
  const std::int64_t lease = co_await names.etcd.grant(self, asked->ttl);
  const std::string value = names.value({asked->process, asked->guard, 0});
  const etcd_entry there = co_await names.etcd.create(self, key, value, lease);
  name_holder holder = names.holder(there);
  if (there.lease != lease) {
    if (holder.guard == asked->guard) {
      const bool renewed = co_await names.etcd.keep_alive(self, there.lease);
      if (!renewed) holder = {};
    }
    co_await names.etcd.revoke(self, lease);
  }
  asked.reply(holder);
}

task<bool> keep(context self, etcd_names& names, const keep_name& asked) {
  const std::string key = names.key(asked.name);
  const auto now = co_await names.etcd.get(self, key);
  if (!now.entry || now.entry->created != asked.held.token) co_return false;
  if (names.holder(*now.entry) != asked.held) {
    const std::string value = names.value(asked.held);
    const bool changed = co_await names.etcd.replace(self, key, *now.entry, value);
    if (!changed) co_return false;
  }
  co_return co_await names.etcd.keep_alive(self, now.entry->lease);
}

task<> respond(context self, etcd_names& names, request<keep_name>& asked) {
  asked.reply(co_await keep(self, names, *asked));
}

task<> respond(context self, etcd_names& names, request<release_name>& asked) {
  const auto now = co_await names.etcd.get(self, names.key(asked->name));
  if (now.entry && names.holder(*now.entry).guard == asked->held.guard)
    co_await names.etcd.revoke(self, now.entry->lease);
  asked.reply();
}

task<> respond(context self, etcd_names& names, request<await_change>& asked) {
  const std::string key = names.key(asked->name);
  const auto now = co_await names.etcd.get(self, key);
  const name_holder holder = now.entry ? names.holder(*now.entry) : name_holder{};
  if (holder != asked->known) co_return asked.reply(holder);
  const auto limit = std::min<std::chrono::nanoseconds>(watch_time, asked.deadline() - self.now());
  co_await names.etcd.await_change(self, key, now.revision, limit);
  asked.reply(co_await find(self, names, asked->name));
}

template <class T>
process answer_one(context self, std::shared_ptr<etcd_names> names, request<T> asked) {
  try {
    co_await respond(self, *names, asked);
  } catch (const std::exception& e) {  // etcd is away, or another program wrote there
    asked.fail(exit_reason::error("troupe::etcd_error", e.what()));
  }
}

}  // namespace

std::string etcd_names::value(const name_holder& holder) const {
  json text = {{"guard", to_json(*here, holder.guard)}};
  if (holder.process) text["process"] = to_json(*here, holder.process);
  return text.dump();
}

name_holder etcd_names::holder(const etcd_entry& entry) const {
  const json text = json::parse(entry.value);
  return {text.contains("process") ? from_json(*here, text.at("process")) : pid{},
          from_json(*here, text.at("guard")), entry.created};
}

template <class T>
void etcd_directory::answer(request<T> asked) {
  if (asked->name.empty() || asked->name.size() > max_directory_name)
    return asked.fail(refused("a name has 1 to " + std::to_string(max_directory_name) + " bytes"));
  if (under_way_ >= names_->etcd.options().max_requests)
    return asked.fail(exit_reason::error("troupe::etcd_error",
                                         "etcd_options::max_requests are under way already"));
  self.spawn_with({.link = true, .monitor = true}, answer_one<T>, names_, std::move(asked));
  ++under_way_;
}

}  // namespace internal

child_spec etcd_directory_child(std::string id, const node& home, etcd_options options) {
  return child<internal::etcd_directory>(
             std::move(id),
             std::shared_ptr<internal::etcd_names>(new internal::etcd_names{
                 internal::etcd_client(std::move(options)), home.inside().shared_from_this()}))
      .registered();
}

}  // namespace troupe::net
