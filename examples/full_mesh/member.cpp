#include "member.hpp"

#include <troupe/groups.hpp>

#include "report.hpp"

namespace mesh {

using namespace std::chrono_literals;
using troupe::context;
using troupe::request;
using troupe::task;

namespace {

constexpr std::string_view everyone = "everyone";
constexpr auto patience = 5min;  // many nodes on few cores

// Of two nodes the one with the smaller name dials.
task<view> meet_all(context self, troupe::net::node& here, const troupe::groups& scope,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (here.name() < name) co_await here.connect(self, name);
  while (scope.members(everyone).size() < names.size())
    co_await self.receive<troupe::groups::joined>();
  co_return view{here.name(), here.nodes().size(), scope.members(everyone).size(), resident_kib()};
}

}  // namespace

troupe::process member(context self, troupe::net::node* here) {
  const troupe::groups scope(self.system());
  scope.monitor(self, everyone);
  scope.join(everyone, self);
  for (;;)
    co_await self.receive([&](request<meet> asked) -> task<> {
      asked.reply(co_await meet_all(self, *here, scope, asked->names));
    });
}

task<std::vector<view>> have_all_meet(context self, std::vector<std::string> names) {
  std::vector<troupe::pending_reply<meet>> asked;
  asked.reserve(names.size());
  for (const std::string& name : names)
    asked.push_back(self.send_request({"member", name}, meet{names}, patience));
  std::vector<view> seen;
  seen.reserve(names.size());
  for (auto& one : asked) {
    auto answer = co_await one;
    if (!answer)
      throw troupe::call_error("meet", "member on " + names[seen.size()], answer.reason());
    seen.push_back(std::move(*answer));
  }
  co_return seen;
}

}  // namespace mesh
