#include "model/explore.hpp"
#include "model/model_sync.hpp"
#include "runtime/mailbox.hpp"
#include "support/catch.hpp"

#include <vector>

using namespace troupe::model;
using troupe::internal::mailbox;
using troupe::internal::push_result;

namespace {

enum class kind : std::uint8_t { value, exit, down };

struct letter {
  letter(int sender, int place, kind what = kind::value)
      : from(sender), number(place), form(what) {}
  model_var<letter*> next{nullptr};
  model_var<int> from;
  model_var<int> number;
  model_var<kind> form;
};

// A process whose turns are run by whichever thread wakes it, as a worker would. What only its
// owner may touch is plain, so that two owners at a time, or a hand-over that shows too little, is
// a race.
class model_process {
 public:
  explicit model_process(execution& run) : run_(run) {
    run.name("mailbox", mail_);
    mail_.open(1);
  }

  // False if the process was gone; then what it wrote before it went is seen.
  bool send(letter* l) {
    switch (mail_.push(l, 1)) {
      case push_result::pushed: return true;
      case push_result::woken:
        wakes_ = wakes_ + 1;  // as its link to the run queue
        handed_over_ = l;
        take_turn();
        return true;
      case push_result::refused: break;
    }
    run_.require(gone_, "refused, and what the process did before is not seen");
    discard(l);
    return false;
  }

  // Two in one step.
  bool send(letter* older, letter* newer) {
    newer->next = older;
    switch (mail_.push(newer, older, 1)) {
      case push_result::pushed: return true;
      case push_result::woken:
        wakes_ = wakes_ + 1;
        older->next = nullptr;
        handed_over_ = troupe::internal::reversed<&letter::next>(newer);
        take_turn();
        return true;
      case push_result::refused: break;
    }
    run_.require(gone_, "refused, and what the process did before is not seen");
    discard(older);
    discard(newer);
    return false;
  }

  void take_turn() {
    do {
      letter* list = handed_over_;
      handed_over_ = nullptr;
      if (list == nullptr) list = mail_.take_all();
      while (list != nullptr) {
        letter* const l = list;
        list = l->next;
        taken_ = taken_ + 1;
        expect_next(*l);
        const bool ends = l->form == kind::exit;
        discard(l);
        if (ends) return end(list);
      }
    } while (!mail_.try_idle());
  }

  // Owner.
  void end(letter* rest = nullptr) {
    gone_ = true;
    bounce(rest);
    bounce(mail_.close(2));
  }

  [[nodiscard]] int taken() const { return taken_; }
  [[nodiscard]] int bounced() const { return bounced_; }
  [[nodiscard]] bool gone() const { return gone_; }

 private:
  void expect_next(const letter& l) {
    model_var<int>& last = last_[static_cast<std::size_t>(static_cast<int>(l.from))];
    run_.require(l.number == last + 1, "a sender's message is missing or out of order");
    last = l.number;
  }
  void bounce(letter* list) {
    while (list != nullptr) {
      letter* const l = list;
      list = l->next;
      bounced_ = bounced_ + 1;
      expect_next(*l);
      discard(l);
    }
  }

  execution& run_;
  mailbox<model_sync, letter> mail_;
  model_var<int> wakes_{0};
  model_var<letter*> handed_over_{nullptr};
  model_var<int> taken_{0};
  model_var<int> bounced_{0};
  model_var<bool> gone_{false};
  model_var<int> last_[3];
};

}  // namespace

TEST_CASE(
    "a mailbox gives each sender's mail in order to one owner at a time and never sleeps on "
    "mail") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    model_process p(run);
    run.start("worker", [&] { p.take_turn(); });
    for (int sender = 1; sender <= 2; ++sender)
      run.start(sender == 1 ? "sender 1" : "sender 2", [&, sender] {
        for (int i = 1; i <= 2; ++i) p.send(make<letter>(sender, i));
      });
    run.join();
    run.require(p.taken() == 4, "mail was left");
  });
}

TEST_CASE("mail that comes several at a time is taken in order with all other mail") {
  always({.preemptions = 2, .deep_preemptions = 3}, [](execution& run) {
    model_process p(run);
    run.start("worker", [&] { p.take_turn(); });
    run.start("network", [&] {
      p.send(make<letter>(1, 1), make<letter>(1, 2));
      p.send(make<letter>(1, 3), make<letter>(1, 4));
    });
    run.start("sender", [&] {
      for (int i = 1; i <= 2; ++i) p.send(make<letter>(2, i));
    });
    run.join();
    run.require(p.taken() == 6, "mail was left");
  });
}

TEST_CASE("a mailbox hands over to the next owner in all interleavings of two") {
  always(without_bound, [](execution& run) {
    model_process p(run);
    run.start("worker", [&] { p.take_turn(); });
    run.start("sender", [&] {
      p.send(make<letter>(1, 1));
      p.send(make<letter>(1, 2));
    });
    run.join();
    run.require(p.taken() == 2, "mail was left");
  });
}

TEST_CASE("mail that comes while a mailbox closes is either given back or refused") {
  always({.preemptions = 3, .deep_preemptions = 5}, [](execution& run) {
    model_process p(run);
    model_var<int> accepted[3];
    run.start("owner", [&] { p.end(); });
    for (int sender = 1; sender <= 2; ++sender)
      run.start(sender == 1 ? "sender 1" : "sender 2", [&, sender] {
        bool open = true;
        for (int i = 1; i <= 2; ++i) {
          const bool sent = p.send(make<letter>(sender, i));
          run.require(open || !sent, "accepted after it had refused");
          open = sent;
          auto& count = accepted[sender];
          if (sent) count = count + 1;
        }
      });
    run.join();
    run.require(p.bounced() == accepted[1] + accepted[2], "accepted mail was lost");
  });
}

TEST_CASE("signals and messages of one sender take effect in order while their receiver ends") {
  always({.preemptions = 3, .deep_preemptions = 4}, [](execution& run) {
    model_process p(run);
    int accepted = 0;  // of the sender only
    run.start("worker", [&] { p.take_turn(); });
    run.start("sender", [&] {
      accepted += p.send(make<letter>(1, 1)) ? 1 : 0;
      accepted += p.send(make<letter>(1, 2, kind::exit)) ? 1 : 0;
      accepted += p.send(make<letter>(1, 3, kind::down)) ? 1 : 0;
    });
    run.start("other", [&] { p.send(make<letter>(2, 1)); });
    run.join();
    run.require(p.gone(), "the exit signal was lost");
    run.require(accepted >= 2, "mail was refused before the exit signal took effect");
  });
}
