#pragma once

#include <troupe/child_spec.hpp>
#include <troupe/process_directory.hpp>

#include <optional>
#include <string>
#include <utility>

namespace troupe {

class system;

/// How many processes may be under one key at a time.
enum class registry_keys : std::uint8_t { unique, duplicate };

namespace internal {

[[nodiscard]] engine& home_of(troupe::system& of) noexcept;

// A key of a registry as the place of a new process.
template <class Directory, class Key, class Value>
struct key_place final : place {
  key_place(std::shared_ptr<Directory> in, Key which, Value with)
      : all(std::move(in)), key(std::move(which)), value(std::move(with)) {}
  std::unique_ptr<kept_until_end> enter(pid process) const override {
    auto kept = all->meet_newborn(process);
    if (const pid holder = all->add_alone(key, {process, value}))
      throw name_taken(to_text(key), holder);
    return kept;
  }
  std::shared_ptr<Directory> all;
  Key key;
  Value value;
};

// What `registry::via` gives: looked up when it is used.
template <class Directory, class Key, class Value>
class via_key {
 public:
  via_key(std::shared_ptr<Directory> in, Key key, Value value)
      : all_(std::move(in)), key_(std::move(key)), value_(std::move(value)) {}
  operator destination() const { return all_->first(key_); }  // NOLINT(*-explicit-*): it is one
  operator std::shared_ptr<const place>() const {             // NOLINT(*-explicit-*): likewise
    return std::make_shared<key_place<Directory, Key, Value>>(all_, key_, value_);
  }

 private:
  std::shared_ptr<Directory> all_;
  Key key_;
  Value value_;
};

}  // namespace internal

/// Processes under keys of the program's own, each with a value: users by name, rooms by number,
/// subscribers of a topic. A process registers itself and is gone when it ends, before its links
/// and monitors are told and before a call to it fails. (Elixir: Registry.)
///
///     troupe::registry<std::string, int> players(system);
///     players.register_as(self, "ada", 1);                  // in ada's process
///     self.send(players.via("ada"), hit{3});                // in another one
///     self.spawn_with({.under = players.via("bob", 1)}, player);
///
/// Keys need `==` and std::hash; values are copied; neither of these may use the registry. A
/// registry is a handle: copies are the same registry, and it lives as long as one of them, or one
/// of the processes in it. Not to be used after its system. Reads may come from any thread; they go
/// through no process, and those of different keys do not meet.
template <class Key, class Value = internal::nothing, registry_keys Keys = registry_keys::unique>
class registry {
  struct events;
  using directory = internal::directory_of<Key, Value, events>;

 public:
  /// A process under a key, and the value with which it is there.
  using entry = typename directory::entry;
  struct record {
    Key key;
    pid process;
    Value value;
  };
  /// What a process that listens gets for each change; `ref` is the one that `listen` gave.
  struct registered {
    monitor_ref ref;
    Key key;
    pid process;
    Value value;
  };
  struct unregistered {
    monitor_ref ref;
    Key key;
    pid process;
  };

  explicit registry(troupe::system& home)
      : all_(std::make_shared<directory>(internal::home_of(home))) {}

  // --- a process of itself ---

  /// Registers this process. Throws name_taken if the key is another process's, or its own already.
  /// With duplicate keys any number of processes may be under a key, also one more than once.
  void register_as(const context& self, const Key& key, Value value = {}) const {
    if (const pid holder = try_register_as(self, key, std::move(value)))
      throw name_taken(to_text(key), holder);
  }
  /// The same; gives who has the key already, or none if it is now this process's.
  pid try_register_as(const context& self, const Key& key, Value value = {}) const {
    const pid id = all_->meet(self);
    if constexpr (Keys == registry_keys::unique) {
      return all_->add_alone(key, {id, std::move(value)});
    } else {
      all_->add(key, {{id, std::move(value)}});
      return {};
    }
  }
  /// This process is no longer under that key; without effect if it was not.
  void unregister(const context& self, const Key& key) const {
    all_->remove(key, self, [](std::size_t) { return true; });
  }
  /// Takes out those of this process's entries under the key whose value fits; gives how many.
  template <std::predicate<const Value&> Predicate>
  std::size_t unregister_if(const context& self, const Key& key, Predicate fits) const {
    std::vector<bool> goes;  // only this process changes its own entries
    for (const Value& value : values(key, self)) goes.push_back(fits(value));
    return all_->remove(key, self, [&](std::size_t n) { return goes[n]; });
  }
  /// Changes the value of this process under the key to what the function makes of it. Gives the
  /// new one; none if this process does not have the key.
  template <class Function>
    requires std::convertible_to<std::invoke_result_t<Function&, Value>, Value>
  std::optional<Value> update_value(const context& self, const Key& key, Function change) const {
    check_unique();
    auto own = values(key, self);
    if (own.empty()) return std::nullopt;
    Value changed = change(std::move(own.front()));
    all_->replace(key, self, changed);
    return changed;
  }

  // --- reads: any thread ---

  /// All under the key, those that registered first first.
  [[nodiscard]] std::vector<entry> lookup(const Key& key) const { return all_->find(key); }
  /// The process that has the key, or none.
  [[nodiscard]] pid whereis(const Key& key) const {
    check_unique();
    return all_->first(key);
  }
  /// Those under the key whose value fits.
  template <std::predicate<const Value&> Predicate>
  [[nodiscard]] std::vector<entry> match(const Key& key, Predicate fits) const {
    auto found = lookup(key);
    std::erase_if(found, [&](const entry& e) { return !fits(std::as_const(e.value)); });
    return found;
  }
  /// The values with which the process is under the key.
  [[nodiscard]] std::vector<Value> values(const Key& key, pid process) const {
    return all_->read(key, [&](const auto& found) {
      std::vector<Value> own;
      for (const entry& e : found)
        if (e.process == process) own.push_back(e.value);
      return own;
    });
  }
  /// The keys of the process, each as often as it is under it, in no order.
  [[nodiscard]] std::vector<Key> keys(pid process) const { return all_->keys_of(process); }
  /// How many entries there are, of all keys or of one.
  [[nodiscard]] std::size_t count() const { return all_->size(); }
  [[nodiscard]] std::size_t count(const Key& key) const {
    return all_->read(key, [](const auto& found) { return found.size(); });
  }
  /// All that is registered, at one moment: to look for what has no key of its own. Copies it all.
  [[nodiscard]] std::vector<record> all() const {
    std::vector<record> found;
    all_->each([&](const Key& key, const auto& entries) {
      for (const entry& e : entries) found.push_back({key, e.process, e.value});
    });
    return found;
  }

  // --- messages ---

  /// Calls the function with all that is under the key, unless that is nothing.
  template <std::invocable<const std::vector<entry>&> Function>
  void dispatch(const Key& key, Function function) const {
    if (const auto found = lookup(key); !found.empty()) function(found);
  }
  /// Sends a copy to each process that is under the key, as often as it is. Gives how many.
  template <class T>
  std::size_t send(const Key& key, const T& value) const {
    const auto found = lookup(key);
    for (const entry& e : found)
      internal::send_from(all_->home(), e.process, internal::to_node(T(value)));
    return found.size();
  }
  /// The key as an address: a destination, which is the process that has the key when it is used;
  /// or the place of a new process, with that value: `{.under = players.via("bob", 1)}` and
  /// `child<player>("bob").under(players.via("bob"))`.
  [[nodiscard]] auto via(Key key, Value value = {}) const {
    check_unique();
    return internal::via_key<directory, Key, Value>(all_, std::move(key), std::move(value));
  }

  // --- listening ---

  /// From now on this process gets `registered` and `unregistered` for each change, in the order in
  /// which all others who listen get them, too; an end is told by `unregistered` before any `down`.
  monitor_ref listen(const context& self) const {
    internal::check_sendable<registered>();
    internal::mention<registered>();
    internal::mention<unregistered>();
    return all_->watch_all(self, [](const auto&, const auto&) {});
  }
  /// No longer; none of the messages is seen after this. False if there is no such reference.
  bool unlisten(const context& self, monitor_ref ref) const { return all_->unwatch(self, ref); }

 private:
  struct events {
    using added = registered;
    using removed = unregistered;
    static constexpr bool together = false;
    template <class Event>
    static internal::message_node* make(monitor_ref ref, const Key& key,
                                        std::span<const entry> what) {
      const entry& e = what.front();
      if constexpr (std::same_as<Event, registered>)
        return internal::make_node<registered>(registered{ref, key, e.process, e.value});
      else
        return internal::make_node<unregistered>(unregistered{ref, key, e.process});
    }
  };
  static consteval void check_unique() {
    static_assert(Keys == registry_keys::unique,
                  "several processes may be under a duplicate key: use lookup, match or send");
  }

  std::shared_ptr<directory> all_;
};

}  // namespace troupe
