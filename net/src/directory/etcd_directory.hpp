#pragma once

#include <troupe/net/etcd.hpp>

#include <memory>

#include "cluster/cluster.hpp"
#include "directory/etcd_client.hpp"

namespace troupe::net::internal {

/// What the processes of a directory in etcd share.
struct etcd_names {
  etcd_client etcd;
  std::shared_ptr<cluster> here;

  [[nodiscard]] std::string key(const std::string& name) const {
    return etcd.options().prefix + "names/" + name;
  }
  [[nodiscard]] std::string value(const name_holder& holder) const;
  [[nodiscard]] name_holder holder(const etcd_entry& entry) const;
};

/// Each request is answered by a process of its own, which talks to etcd; nothing is kept here.
class etcd_directory final : public server {
 public:
  using handles = messages<claim_name, keep_name, release_name, find_name, await_change, down>;

  explicit etcd_directory(std::shared_ptr<etcd_names> names) : names_(std::move(names)) {}

  void handle(request<claim_name> asked) { answer(std::move(asked)); }
  void handle(request<keep_name> asked) { answer(std::move(asked)); }
  void handle(request<release_name> asked) { answer(std::move(asked)); }
  void handle(request<find_name> asked) { answer(std::move(asked)); }
  void handle(request<await_change> asked) { answer(std::move(asked)); }
  void handle(const down&) { --under_way_; }

 private:
  template <class T>
  void answer(request<T> asked);

  const std::shared_ptr<etcd_names> names_;
  std::size_t under_way_ = 0;
};

}  // namespace troupe::net::internal
