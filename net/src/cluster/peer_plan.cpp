#include "cluster/peer_plan.hpp"

#include "cluster/cluster.hpp"
#include "platform/child_process.hpp"
#include "platform/cookie_file.hpp"
#include "platform/peer_environment.hpp"

namespace troupe::net {
namespace {

constexpr std::chrono::nanoseconds kill_margin = std::chrono::seconds(5);

using variables = std::map<std::string, std::string>;

std::string default_name(const node& home) {
  const std::string& own = home.name();
  const auto host = own.find('@');
  return "peer" + own.substr(host, own.rfind(':') - host) + ":0";
}

// What a peer is told; `given` by the user stands where the parent has nothing to say against it.
variables told_to_peer(const node& home, const std::string& name,
                       std::chrono::nanoseconds stop_time, const variables& given) {
  variables told;
  told[node_variable] = name;
  told[parent_variable] = home.name();
  told[stop_variable] =
      std::to_string(std::chrono::ceil<std::chrono::milliseconds>(stop_time).count());
  const node_options& own = home.inside().options();
  if (!own.cookie.empty())
    told[cookie_variable] = own.cookie;
  else if (!own.cookie_file.empty())
    told[cookie_file_variable] = own.cookie_file.string();
  const auto pass_on = [&](const char* variable, const std::filesystem::path& file) {
    if (!file.empty() && !given.contains(variable)) told[variable] = file.string();
  };
  pass_on(tls_certificate_variable, own.tls.certificate);
  pass_on(tls_key_variable, own.tls.key);
  pass_on(tls_authority_variable, own.tls.authority);
  return told;
}

std::string as_lines(const variables& all) {
  std::string lines;
  for (const auto& [name, value] : all) {
    if (value.find('\n') != std::string::npos)
      throw node_error("peer_control::standard_io: the value of " + name + " has two lines");
    lines += name + '=' + value + '\n';
  }
  return lines + '\n';
}

// The words after the program that runs the peer's: `env NAME=VALUE... program argument...`.
std::vector<std::string> by_env(const variables& environment, const std::string& program) {
  std::vector<std::string> words{"env", std::string(control_variable) + '=' + control_by_stdio};
  for (const auto& [name, value] : environment) words.push_back(name + '=' + value);
  words.push_back(program);
  return words;
}

}  // namespace

peer_plan::peer_plan(const node& home, peer_options wanted)
    : name(wanted.name.empty() ? default_name(home) : std::move(wanted.name)),
      parent(home.name()),
      program{.directory = std::move(wanted.directory), .limits = wanted.limits},
      stdio(wanted.control == peer_control::standard_io),
      logged(wanted.output == peer_output::logged),
      start_time(wanted.start_time),
      stop_time(wanted.stop_time) {
  const auto parsed = net::node_name::parse_to_listen(name);
  if (const auto* error = std::get_if<node_name_error>(&parsed))
    throw node_error("peer_options::name: " + error->text);
  variables told = told_to_peer(home, name, stop_time, wanted.environment);
  std::vector<std::string> words = std::move(wanted.prefix);
  const bool alone = words.empty() && !stdio;
  std::string own = std::move(wanted.program);
  if (own.empty() && !alone) own = own_program();
  if (stdio) {
    sent = as_lines(told);
    const auto env = by_env(wanted.environment, own);
    words.insert(words.end(), env.begin(), env.end());
  } else {
    told.merge(wanted.environment);
    program.environment = std::move(told);
    words.push_back(std::move(own));
  }
  program.program = std::move(words.front());
  words.erase(words.begin());
  words.insert(words.end(), wanted.arguments.begin(), wanted.arguments.end());
  program.arguments = std::move(words);
}

std::chrono::nanoseconds time_to_stop(const peer_plan& plan) {
  return plan.stop_time < infinity - kill_margin ? plan.stop_time + kill_margin : infinity;
}

}  // namespace troupe::net
