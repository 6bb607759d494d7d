#pragma once
// The test program as another OS process: what it does when a test starts it with one of these as
// its only argument.
//
// - `peer`: a node with the processes `echo` and `host`, which offers `fragile`, until its parent
//   ends it
// - `deaf peer`: the same, but it ignores SIGTERM
// - `peer with another cookie`: as `peer`, but for its cookie
// - `fast ticking peer`, `slow ticking peer`: the same, with a tick time of 400 ms and of 1 h
// - `am I a peer`: writes `yes` to its control socket, or `no` to its standard output
// - `open files`: writes the numbers of its open files to its control socket
// - `port owner`: starts a program by a port, writes its id to its control socket, and waits

#include <troupe/net/peer.hpp>

#include <string>

namespace troupe_test {

// What the process `host` of a peer does.
struct tell_os_process {
  using reply = int;
};
struct end_program {
  int status;
};
struct start_another {  // a peer of the peer
  using reply = troupe::net::peer_joined;
  std::string kind;
  int stop_ms;
};

// What `fragile` takes, besides what `echo` does: it is offered with a number, which it adds.
struct crash {
  int signal;
};
struct use_memory {
  std::size_t megabytes;
};

inline troupe::net::peer_options peer_program(std::string kind = "peer",
                                              std::string name = "peer@127.0.0.1:0") {
  return {.name = std::move(name), .arguments = {std::move(kind)}};
}

}  // namespace troupe_test
