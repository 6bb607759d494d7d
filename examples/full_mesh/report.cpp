#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace mesh {

double stopwatch::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

std::uint64_t resident_kib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

void print(const std::vector<view>& views) {
  for (const view& one : views)
    if (one.nodes != views.size() - 1 || one.members != views.size())
      throw std::runtime_error(one.node + " sees " + std::to_string(one.nodes) +
                               " other nodes and " + std::to_string(one.members) +
                               " members of the group, of " + std::to_string(views.size()) +
                               " nodes in all");
  std::cout << "every node is connected with all " << views.size() - 1 << " others and sees all "
            << views.size() << " members of the group: " << views.size() * (views.size() - 1) / 2
            << " connections\n";
}

void print_memory(const std::vector<view>& views) {
  const auto [least, most] = std::ranges::minmax_element(views, {}, &view::resident);
  std::cout << "an OS process has " << least->resident << " to " << most->resident << " KiB\n";
}

}  // namespace mesh
