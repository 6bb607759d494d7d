#include "reactor/dns_service.hpp"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace troupe::net {
namespace {

// Longest answer that is taken: what fits into a UDP datagram or DNS over TCP.
constexpr std::size_t max_answer_bytes = 65'535;

[[noreturn]] void fail(const std::string& service, const std::string& why) {
  throw std::runtime_error("cannot find the service '" + service + "' (SRV): " + why);
}

struct resolver_state {
  resolver_state() {
    if (res_ninit(&state) != 0) throw std::runtime_error("cannot read /etc/resolv.conf");
  }
  ~resolver_state() { res_nclose(&state); }
  resolver_state(const resolver_state&) = delete;
  resolver_state& operator=(const resolver_state&) = delete;

  void ask_at(const std::string& server) {
    const auto where = parse_endpoint(server);
    sockaddr_in address{};
    if (!where || ::inet_pton(AF_INET, where->host.c_str(), &address.sin_addr) != 1)
      throw std::runtime_error("dns_service::server: '" + server +
                               "' is no IPv4 address and port; write 10.0.0.1:53");
    address.sin_family = AF_INET;
    address.sin_port = htons(where->port);
    state.nsaddr_list[0] = address;
    state.nscount = 1;
  }

  struct __res_state state{};  // NOLINT(*-reserved-identifier): the C library's name
};

std::string in_words(int error) {
  if (error == HOST_NOT_FOUND) return "there is no such name";
  if (error == NO_DATA) return "the name has no such records";
  return std::string(::hstrerror(error)) + "; is the server of /etc/resolv.conf reachable?";
}

// priority, weight and port, 16 bits each, and the name of the target
endpoint target_of(const ns_msg& answer, const ns_rr& record, const std::string& service) {
  constexpr int fixed = 6;
  std::array<char, NS_MAXDNAME> name{};
  const unsigned char* const data = ns_rr_rdata(record);
  if (ns_rr_rdlen(record) <= fixed ||
      ns_name_uncompress(ns_msg_base(answer), ns_msg_end(answer), data + fixed, name.data(),
                         name.size()) < 0)
    fail(service, "the answer is damaged");
  std::string host = name.data();
  for (char& c : host)  // DNS does not tell them apart, names of nodes do
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return {host, static_cast<std::uint16_t>(ns_get16(data + 4))};
}

}  // namespace

std::vector<endpoint> find_service(const std::string& service, const std::string& server) {
  resolver_state resolver;
  if (!server.empty()) resolver.ask_at(server);
  std::vector<unsigned char> bytes(max_answer_bytes);
  const int size = res_nquery(&resolver.state, service.c_str(), ns_c_in, ns_t_srv, bytes.data(),
                              static_cast<int>(bytes.size()));
  if (size < 0) fail(service, in_words(resolver.state.res_h_errno));
  ns_msg answer;
  if (ns_initparse(bytes.data(), size, &answer) != 0) fail(service, "the answer is damaged");
  std::vector<endpoint> targets;
  for (int i = 0; i < ns_msg_count(answer, ns_s_an); ++i) {
    ns_rr record;
    if (ns_parserr(&answer, ns_s_an, i, &record) != 0) fail(service, "the answer is damaged");
    if (ns_rr_type(record) == ns_t_srv) targets.push_back(target_of(answer, record, service));
  }
  return targets;
}

}  // namespace troupe::net
