// Long frames cut in fragments at one end and put together at the other, by a script that also may
// change the fragments on their way. Unchanged, every frame comes whole, once, in the order in
// which its last fragment went. Changed, the other end refuses them or takes them, and keeps no
// more than is allowed.
#include <map>
#include <vector>

#include "script.hpp"
#include "wire/fragments.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"
#include "wire/limits.hpp"

namespace {

using namespace troupe_fuzz;
using troupe_fuzz::bytes;  // not troupe::bytes
using namespace troupe::net;

constexpr limits bounds{.message_bytes = 512 * 1024};
constexpr std::size_t most_frames = 6;  // or a script of a few bytes takes seconds

class run {
 public:
  explicit run(script in) : in_(in) {}

  void go() {
    while (!in_.done() && !refused_) {
      if (in_.number(3) == 0)
        add();
      else
        next(in_.number(16) == 0);
    }
    while (!out_.empty() && !refused_) next(false);
    if (!changed_) expect(sent_.empty(), "every frame comes whole in the end");
  }

 private:
  void add() {
    if (++added_ > most_frames) return;
    const std::size_t size =
        max_fragment_bytes + 1 + in_.number(128) * std::size_t{1024} + in_.number(4);
    std::vector<std::byte> body(size);
    for (std::size_t i = 0; i < size; i += 997) body[i] = static_cast<std::byte>(added_ + i);
    std::vector<std::byte> frame;
    append_part(frame, body);
    sent_.emplace(out_.add(std::move(frame)), std::move(body));
  }

  void next(bool change) {
    std::vector<std::byte> stream;
    const auto whole = out_.append_next(stream);
    frame_splitter splitter(bounds.frame_bytes());
    splitter.feed(stream);
    while (const auto body = splitter.next()) {
      const auto part = read_fragment(*body);
      expect(part.has_value(), "what a fragmenter writes are fragments");
      take(change ? changed(*part) : *part);
    }
    if (!whole) return expect(changed_ || !got_, "no frame is whole before its last fragment");
    const auto was = sent_.extract(*whole);
    expect(!was.empty(), "a frame is sent once");
    if (changed_) return;
    expect(got_ == was.mapped(), "what was cut comes together as it was");
    got_.reset();
  }

  fragment changed(fragment part) {
    changed_ = true;
    switch (in_.number(4)) {
      case 0: part.id = in_.number(16); break;
      case 1: part.length = in_.number() * 4096; break;
      case 2: part.data = part.data.substr(0, in_.number()); break;
      default: take(part);  // twice
    }
    return part;
  }

  void take(const fragment& part) {
    if (refused_) return;
    if (const auto broken = in_end_.add(part)) {
      expect(changed_, "what a fragmenter writes is taken");
      expect(!broken->empty(), "who broke the protocol is told how");
      refused_ = true;
    } else if (auto whole = in_end_.take_whole()) {
      expect(whole->size() <= bounds.frame_bytes(), "no frame is longer than allowed");
      got_ = std::move(whole);
    }
  }

  script in_;
  fragmenter out_{bounds};
  reassembler in_end_{bounds};
  std::map<std::uint32_t, std::vector<std::byte>> sent_;
  std::optional<std::vector<std::byte>> got_;
  std::size_t added_ = 0;
  bool changed_ = false;
  bool refused_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  run(script(data, size)).go();
  return 0;
}
