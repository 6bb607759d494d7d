#include "workloads.hpp"

#include <array>

namespace bench {
namespace {

constexpr auto all = std::to_array<workload>({
    {"ping_pong", place::local, "one pair of processes, 1,000,000 round trips", ping_pong},
    {"ping_pong_64", place::local, "64 pairs at once, 100,000 round trips each", ping_pong_64},
    {"flood", place::local, "5,000,000 messages from a thread outside to one counter", flood},
    {"fan_in", place::local, "64 processes send 100,000 messages each to one counter", fan_in},
    {"ring", place::local, "4 tokens in a ring of 1,000 processes, 5,000,000 hops", ring},
    {"skynet", place::local, "a tree of processes with 1,000,000 leaves, sums sent up", skynet},
    {"call", place::local, "1,000,000 calls of a server, each awaited", call},
    {"spawn_idle", place::local, "1,000,000 processes that wait: time of a spawn", spawn_idle},
    {"idle_memory", place::local, "the same: memory of a waiting process", idle_memory},
    {"idle_server_memory", place::local, "1,000,000 servers with an int each: memory of one",
     idle_server_memory},
    {"chameneos", place::local, "100 creatures meet in pairs in a mall, 1,000,000 meetings",
     chameneos},
    {"big", place::local, "1,000 processes: each pings each and is answered", big},
    {"bang", place::local, "500 processes send 20 bursts of 200 messages each to one", bang},
    {"bounded_buffer", place::local, "40 producers and 40 consumers share a buffer of 50 items",
     bounded_buffer},
    {"timers_cancel", place::local, "1,000,000 timers: all armed and then all cancelled",
     timers_cancel},
    {"spawn_exit", place::local, "1,000,000 processes that send a message and end", spawn_exit},
    {"link_storm", place::local, "1,000 processes link and monitor one that is killed, 200 times",
     link_storm},
    {"mixed", place::local, "while 1,000 processes compute: a ping of two others, 99th percentile",
     mixed},
    {"scaling", place::local, "ping_pong_64 with one worker, two, ... as many as there are cores",
     scaling},
    {"selective", place::local, "a receive by predicate that skips 100,000 messages on their way",
     selective},
    {"idle", place::local, "100,000 waiting processes and a node: CPU in use (--seconds)", idle},
    {"remote_ping_pong", place::remote, "a process on each of two nodes, 20,000 round trips",
     remote_ping_pong},
    {"remote_ping_pong_unix", place::remote, "the same over a socket of the Unix domain",
     remote_ping_pong_unix},
    {"remote_ping_pong_tls", place::remote, "the same over TLS", remote_ping_pong_tls},
    {"remote_flood", place::remote, "2,000,000 messages from one node to a counter on another",
     remote_flood},
    {"remote_flood_tls", place::remote, "the same over TLS", remote_flood_tls},
    {"remote_echo_1mib", place::remote, "300 messages of 1 MiB to another node and back",
     remote_echo_1mib},
    {"remote_echo_1mib_tls", place::remote, "the same over TLS", remote_echo_1mib_tls},
    {"key_call", place::local, "200,000 calls of a process by its key, and by its pid", key_call},
    {"remote_key_call", place::remote, "the same on another node, 20,000 calls", remote_key_call},
    {"key_join", place::remote, "a node joins one with 10,000 keys: time until all have moved",
     key_join},
});

}  // namespace

std::span<const workload> workloads() { return all; }

}  // namespace bench
